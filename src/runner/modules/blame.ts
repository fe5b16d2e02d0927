/** Where in a module an error comes from. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { traceNode } from '../../graph/builder/builder.js';
import { PartError } from '../../graph/declarations.js';
import { UserError } from '../base/errors.js';
import type { LoadedModules, ModuleFacts, PartKind } from './kinds.js';

const filesOf = ({ path: entry, files }: ModuleFacts): string[] =>
  files.map((file) => path.resolve(path.dirname(entry), file.path));

/** `FILE:LINE` of the innermost frame of a stack that lies in a module. */
function placeIn(stack: string | undefined, facts: readonly ModuleFacts[]): string | undefined {
  const files = [...new Set(facts.flatMap(filesOf))];
  for (const frame of stack?.split('\n') ?? []) {
    for (const file of files) {
      for (const shown of [pathToFileURL(file).href, file]) {
        const at = frame.indexOf(shown);
        const line = at < 0 ? null : /^(?:\?[^:]*)?:(\d+)/.exec(frame.slice(at + shown.length));
        if (line) return `${file}:${line[1]}`;
      }
    }
  }
  return undefined;
}

/** An error that a module has caused. */
export class ModuleError extends UserError {
  override name = 'ModuleError';
}

/** What something says that was thrown, in one line; modules throw anything. */
export function saying(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.trim().replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ');
}

const chainOf = (error: unknown): Error[] => (error instanceof Error ? [error, ...chainOf(error.cause)] : []);

/** An error that a module has caused, as one that names its file and line; undefined for others. */
export function blamed(error: unknown, facts: readonly ModuleFacts[]): ModuleError | undefined {
  if (error instanceof UserError) return undefined;
  const place = chainOf(error)
    .map(({ stack }) => placeIn(stack, facts))
    .find((found) => found !== undefined);
  const part = chainOf(error).find((one): one is PartError => one instanceof PartError)?.part;
  const where = place ?? facts.find(({ kind }) => kind === part)?.path;
  return where === undefined ? undefined : new ModuleError(`${where}: ${saying(error)}`, { cause: error });
}

/** Runs `body`. @throws what it throws; what a module has caused, as `blamed` */
export function blaming<T>({ facts }: Pick<LoadedModules, 'facts'>, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw blamed(error, facts) ?? error;
  }
}

/** Scopes of a graph's nodes, and whose they are. */
const scopes: readonly [pattern: RegExp, kind: PartKind][] = [
  [/(^|\/)loss\//, 'loss'],
  [/(^|\/)sampling\//, 'sampling'],
  [/(^|\/)optimizer\//, 'optimizer'],
  [/(^|\/)optimizer_[a-z0-9_]+\//, 'loss'],
  [/(^|\/)base_net\//, 'backbone'],
];

/** The innermost node that a message of ONNX Runtime names. */
function nodeIn(message: string): string | undefined {
  const names = [...message.matchAll(/Name:'([^']+)'|[Nn]ode ?\(([^)]+)\)/g)].map(([, name, other]) => name ?? other!);
  return names.at(-1);
}

/** So deep a module may call its own functions. */
const stackDepth = 100;

/** The part that has made a node, by its name; undefined for those of the step itself. */
export const partOfNode = (node: string): PartKind | undefined => scopes.find(([pattern]) => pattern.test(node))?.[1];

/** Whose a node's failure may be: a loss that is here is not the cause of what a sampling has chosen. */
function suspectsOf(node: string): PartKind[] {
  const kind = partOfNode(node);
  if (kind === undefined) return [];
  return kind === 'loss' ? ['loss', 'sampling'] : [kind];
}

/** `FILE:LINE` of where a module makes a node. @param build makes the graph again */
export function placeOfNode(node: string, facts: readonly ModuleFacts[], build: () => void): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = stackDepth;
  try {
    return placeIn(traceNode(node, build), facts);
  } catch {
    // It could be built before; the file alone has to do.
    return undefined;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/**
 * What ONNX Runtime says of a node that a module has made, as an error that names the module's file and line; undefined for nodes
 * that are others'.
 *
 * @param build makes the graph again
 */
export function blamedNode(error: unknown, facts: readonly ModuleFacts[], build: () => void): ModuleError | undefined {
  const message = saying(error);
  const node = facts.length > 0 ? nodeIn(message) : undefined;
  if (node === undefined) return undefined;
  const said = message.split('Status Message: ').at(-1)!.trim();
  const [suspect, other] = suspectsOf(node).flatMap((kind) => facts.find((one) => one.kind === kind) ?? []);
  const where = placeOfNode(node, facts, build) ?? suspect?.path;
  if (where === undefined) return undefined;
  const also = other && /\bindices\b/.test(said) ? ` The tuples are those of the ${other.kind} ${other.path}.` : '';
  return new ModuleError(`${where}: ONNX Runtime can't run the node ${node}: ${said}${also}`, { cause: error });
}
