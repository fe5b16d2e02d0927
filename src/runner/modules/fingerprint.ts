/** What a module is made of, found by reading: none of it runs. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { init, parse } from 'es-module-lexer';
import { UserError } from '../base/errors.js';
import { fileError, readWholeFile } from '../base/files.js';
import type { ModuleFacts, ModuleFile, PartKind } from './kinds.js';
import { syntaxErrorIn } from './syntax.js';

/** Far more than a loss, with what it imports, is long. */
const maxBytes = 16 * 2 ** 20;
const maxFiles = 1000;

const isTypeScript = (file: string): boolean => /\.[cm]?ts$/.test(file);

/** @throws UserError when this Node.js does not run TypeScript */
function requireLanguage(file: string, flag: string): void {
  if (!isTypeScript(file) || (process.features as { typescript?: unknown }).typescript) return;
  throw new UserError(
    `${flag} ${file}: this Node.js (${process.versions.node}) does not run TypeScript. ` +
      `Use Node.js 22.18 or newer, or give the module as .js or .mjs.`,
  );
}

/** The files that a source imports and re-exports. @throws Error for an import whose name is computed */
async function importsOf(file: string, source: string): Promise<string[]> {
  if (path.extname(file) === '.json') return [];
  await init;
  return parse(source, file)[0].flatMap((found) => {
    if (found.type === 'import-meta') return [];
    if (found.specifier === undefined)
      throw new Error('it imports a file whose name is computed, which can not be recorded');
    // Packages are not part of it. A specifier is a URL: it may hold %20, or a query.
    return /^(\.{0,2}\/|file:)/.test(found.specifier)
      ? [fileURLToPath(new URL(found.specifier, pathToFileURL(file)))]
      : [];
  });
}

/** The file that a name without an ending may stand for. */
export const moduleNamed = (name: string): string | undefined =>
  ['.mjs', '.js', '.ts', '.mts'].map((ending) => `${name}${ending}`).find((file) => existsSync(file));

/** @throws UserError when there is no such file */
export const realFile = (file: string, flag: string, from?: string): Promise<string> =>
  realpath(file).catch((error: unknown) => {
    const meant = from === undefined ? moduleNamed(file) : undefined;
    const told = fileError(`${flag}: can't read ${file}${from ? `, which ${from} imports` : ''}`, error);
    throw meant === undefined ? told : new UserError(`${told.message} Did you mean ${meant}?`, { cause: error });
  });

/**
 * Reads a module and what it imports by relative paths, and hashes it all. Packages that it imports are not part of it.
 *
 * @throws UserError naming the file that is missing, too large, or no JavaScript
 */
export async function readModule(kind: PartKind, given: string): Promise<ModuleFacts> {
  const flag = `--${kind}`;
  // As Node.js has it: what a link's file imports lies beside the file that the link leads to.
  const entry = await realFile(path.resolve(given), flag);
  requireLanguage(entry, flag);
  const folder = path.dirname(entry);
  const files = new Map<string, ModuleFile>();
  const visit = async (file: string, from?: string): Promise<void> => {
    if (files.has(file)) return;
    if (files.size >= maxFiles) throw new UserError(`${flag} ${given} imports more than ${maxFiles} files.`);
    const source = Buffer.from(
      await readWholeFile(file, maxBytes).catch((error: unknown) => {
        const importer = from === undefined ? '' : ` (${from} imports it)`;
        throw new UserError(`${flag}: ${(error as Error).message}${importer}`, { cause: error });
      }),
    );
    const sha256 = createHash('sha256').update(source).digest('hex');
    files.set(file, { path: path.relative(folder, file).replaceAll(path.sep, '/'), sha256 });
    let imports: string[];
    try {
      imports = await importsOf(file, source.toString('utf8'));
    } catch (error) {
      const syntax = await syntaxErrorIn(file);
      if (syntax) throw new UserError(`${flag}: ${syntax.place} can't be loaded: ${syntax.reason}`, { cause: error });
      throw new UserError(
        `${flag}: ${file} is no module that can be read: ${(error as Error).message.split('\n')[0]}`,
        {
          cause: error,
        },
      );
    }
    for (const name of imports) await visit(await realFile(name, flag, file), file);
  };
  await visit(entry);
  return factsOf(kind, entry, [...files.values()]);
}

/** A module of files, itself first. */
export function factsOf(kind: PartKind, entry: string, files: ModuleFile[]): ModuleFacts {
  const hash = createHash('sha256');
  for (const { path: name, sha256 } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    // The entry's own name is not part of what it is.
    hash.update(`${name === path.basename(entry) ? '' : name} ${sha256}\n`);
  }
  return { kind, path: entry, files, sha256: hash.digest('hex') };
}
