/** What is fuzzed: a parser, and valid inputs to begin with. */
import path from 'node:path';
import { Philox } from '../../src/graph/state/philox.js';
import type { Mutation } from './mutate.js';
import { longest, mutate, pick } from './mutate.js';

export interface Part {
  bytes: Uint8Array;
  /** How it is changed; any bytes unless given. */
  change?: Mutation;
}

/** A valid input out of parts. */
export interface Seed {
  parts: readonly Part[];
  /** Puts changed parts together, with the lengths and checksums around them right. */
  build: (parts: readonly Uint8Array[]) => Uint8Array | Promise<Uint8Array>;
}

export const bytesSeed = (bytes: Uint8Array, change?: Mutation): Seed => ({
  parts: [{ bytes, change }],
  build: ([whole]) => whole!,
});
export const textSeed = (text: string, change?: Mutation): Seed => bytesSeed(Buffer.from(text), change);

/** Whether a name is one of a file in the same folder. */
export const isPlainName = (name: string): boolean => name === path.basename(name) && !/^\.*$/.test(name);

export interface Target {
  name: string;
  /** @param folder for what lies beside the input; of this target alone */
  seeds: (folder: string) => Promise<Seed[]>;
  tokens?: readonly Uint8Array[];
  /**
   * Reads an input, all of it.
   *
   * @throws UserError, or DwsWebError, when it is refused; anything else is a failure
   */
  read: (bytes: Uint8Array, folder: string) => Promise<void>;
  /** Refusals list lines of the input below each other. */
  listsLines?: boolean;
}

export interface OpenTarget extends Target {
  folder: string;
  opened: Seed[];
  wholes: Uint8Array[];
}

export const whole = async ({ parts, build }: Seed): Promise<Uint8Array> => build(parts.map(({ bytes }) => bytes));

export async function openTarget(target: Target, folder: string): Promise<OpenTarget> {
  const opened = await target.seeds(folder);
  return { ...target, folder, opened, wholes: await Promise.all(opened.map(whole)) };
}

/** A number of its own for each target's name, so that a choice of targets changes no input. */
const nameNumber = (name: string): number =>
  [...name].reduce((hash, letter) => (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0, 7);

/** An input, a pure function of the seed, the target and the number. */
export async function inputOf(
  { name, opened, wholes, tokens = [] }: OpenTarget,
  seed: number,
  index: number,
): Promise<Uint8Array> {
  const random = new Philox(seed, 'sampling', nameNumber(name), index);
  const { parts, build } = pick(random, opened);
  const changed = parts.map(({ bytes }) => bytes);
  const isInside = parts.length > 0 && random.int(3) > 0;
  if (isInside) {
    const at = random.int(parts.length);
    const others = [...changed, ...wholes];
    changed[at] = (parts[at]!.change ?? mutate)(changed[at]!, { random, others, tokens });
  }
  const bytes = (await build(changed)).subarray(0, longest);
  return isInside && random.int(8) > 0 ? bytes : mutate(bytes, { random, others: wholes, tokens });
}
