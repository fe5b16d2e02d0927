/** Objects for code that people write: a name that is not there is told with those that are. */
import { didYouMean } from '../known-names.js';
import type { GraphBuilder } from './builder.js';

/** Names that JavaScript itself asks for. */
const asked: ReadonlySet<string> = new Set(['then', 'toJSON']);

/** What an object has: its own, and the public methods of its class. */
function namesOf(object: object): string[] {
  const prototype = Object.getPrototypeOf(object) as object | null;
  const methods = prototype === null || prototype === Object.prototype ? [] : Object.getOwnPropertyNames(prototype);
  const own = methods.length > 0 ? [] : Object.keys(object);
  return [...own, ...methods].filter((name) => name !== 'constructor');
}

/**
 * The same object; asking it for what it does not have is an Error that lists what it has.
 *
 * @param what begins the error: `nn has no sigmoid`
 * @param advice ends it
 */
export const listing = <T extends object>(what: string, object: T, advice = ''): T =>
  new Proxy(object, {
    get(target, key, receiver) {
      if (typeof key !== 'string' || key in target || asked.has(key))
        return Reflect.get(target, key, receiver) as unknown;
      const known = namesOf(target);
      const meant = didYouMean(key, known).trim();
      const there = `${known.join(', ') || 'nothing'}${advice}`;
      throw new Error(`${what} has no ${key}; there are: ${there}${meant === '' ? '' : `. ${meant}`}`);
    },
  });

/** @param call how it is written: `mul(g, a, b)` @throws Error where g is left out */
export function requireBuilder(g: GraphBuilder, call: string): void {
  if (typeof (g as Partial<GraphBuilder> | undefined)?.op === 'function') return;
  throw new Error(
    `${call}: its first argument is the g that a part is given, and is ${g === undefined ? 'missing' : 'none here'}`,
  );
}
