/** Loads the modules that a caller names. A data file never decides that one is loaded. */
import { basename, dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fileBackbone } from '../../graph/imported/backbone.js';
import type { Definitions } from '../../graph/parts/parts.js';
import { UserError } from '../base/errors.js';
import { shortHash } from '../base/short-hash.js';
import { blamed, saying } from './blame.js';
import { badDefinition } from './definition.js';
import { networkModules, networkText } from './network-text.js';
import { hook } from './hook.js';
import { readModule } from './fingerprint.js';
import { readOnnxFacts } from './onnx-facts.js';
import type { LoadedModules, ModuleFacts, ModuleSources, PartKind } from './kinds.js';
import { isOnnxPath, partKinds } from './kinds.js';
import { syntaxErrorIn } from './syntax.js';

const makers: Record<PartKind, string> = {
  backbone: 'defineBackbone',
  loss: 'defineLoss',
  sampling: 'defineSampling',
  optimizer: 'defineOptimizer',
};

/** `FILE:LINE` of what can't be parsed in a module. */
async function syntaxErrorOf({ path: entry, files }: ModuleFacts): Promise<string | undefined> {
  for (const file of files.map((one) => resolve(dirname(entry), one.path))) {
    const found = await syntaxErrorIn(file);
    if (found) return found.place;
  }
  return undefined;
}

/**
 * What a module exports. Where it waits at its top level for what never comes, and nothing else is left to do, Node.js would end the
 * process without a word.
 */
async function imported(facts: ModuleFacts): Promise<{ default?: unknown }> {
  const { path, sha256 } = facts;
  let onIdle: (() => void) | undefined;
  const never = new Promise<never>((_, reject) => {
    onIdle = () => reject(new Error('an await at its top level waits for what never comes'));
    process.once('beforeExit', onIdle);
  });
  try {
    // The fingerprint in the address: a module that has changed is another one.
    const loading = import(`${pathToFileURL(path).href}?dws=${shortHash(sha256)}`) as Promise<{ default?: unknown }>;
    return await Promise.race([loading, never]);
  } finally {
    process.off('beforeExit', onIdle!);
  }
}

async function definitionOf(facts: ModuleFacts): Promise<unknown> {
  const { kind, path } = facts;
  hook();
  let loaded: { default?: unknown };
  try {
    loaded = await imported(facts);
  } catch (error) {
    const told = blamed(error, [facts]);
    if (told) throw told;
    const place = error instanceof SyntaxError ? await syntaxErrorOf(facts) : undefined;
    throw new UserError(`--${kind}: ${place ?? path} can't be loaded: ${saying(error)}`, { cause: error });
  }
  const bad = badDefinition(loaded.default);
  if (bad === undefined) return loaded.default;
  throw new UserError(
    `--${kind}: ${path} brings no ${kind}: ${bad}. Write: export default ${makers[kind]}({ name, options, create })`,
  );
}

/** What a file's backbone is called: by the file, in the letters that names have. */
const nameOf = (file: string): string =>
  basename(file, extname(file))
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[^A-Za-z]+/, '')
    .slice(0, 64) || 'onnx';

/**
 * Reads, hashes, compares and then runs modules.
 *
 * @throws UserError when one can't be read or loaded, has another fingerprint than is wanted, throws, or brings something else
 */
export async function loadModules(sources: ModuleSources = {}): Promise<LoadedModules> {
  const definitions: Record<string, unknown> = {};
  const facts: ModuleFacts[] = [];
  let network: string | undefined;
  for (const kind of partKinds) {
    const source = sources[kind];
    if (!source) continue;
    if (source.network !== undefined) return networkModules(source.network, source.path, source.sha256!);
    const read = isOnnxPath(source.path) ? await readOnnxFacts(kind, source.path) : undefined;
    const found = read?.facts ?? (await readModule(kind, source.path));
    if (source.sha256 !== undefined && !found.sha256.startsWith(source.sha256)) {
      throw new UserError(
        `--${kind} ${source.path} has changed: its SHA-256 is ${shortHash(found.sha256)}..., recorded is ` +
          `${shortHash(source.sha256)}.... Take the module as it was, or allow another with --other-modules.`,
      );
    }
    facts.push(found);
    if (read) {
      const name = nameOf(found.path);
      definitions[kind] = fileBackbone(name, read.file.model);
      network = networkText(name, read.file);
    } else definitions[kind] = await definitionOf(found);
  }
  return { definitions: definitions as Definitions, facts, ...(network !== undefined && { network }) };
}
