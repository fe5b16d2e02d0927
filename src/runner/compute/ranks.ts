/** This process among the ranks that do one thing together. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { UserError } from '../base/errors.js';
import { packageJson } from '../base/package-json.js';
import type { RunOptions } from '../options/run-options.js';
import type { Gather } from '../ranks/exchange.js';
import { exchange } from '../ranks/exchange.js';
import { worked } from '../ranks/work.js';
import type { ComputeThread } from './thread.js';

/** A process among others that make the same calls. */
export interface AmongRanks {
  rank: number;
  size: number;
  gather: Gather;
}

export interface Ranks {
  rank: number;
  size: number;
  /** What they speak by; undefined for a process by itself. */
  by?: string;
  /** What there is to know of that, for people. */
  note?: string;
  /** Undefined for a process by itself. */
  among?: AmongRanks;
  /** Whether any rank says so; all ranks ask at once. */
  anyOf(flag: boolean): Promise<boolean>;
  /** @param facts by what errors call them @throws UserError naming the first rank that has others, on every rank */
  requireSame(facts: Readonly<Record<string, unknown>>): Promise<void>;
  /** What each rank says, on all of them. */
  exchange(text: string): Promise<string[]>;
  /** Something is done: the others, who may wait for this rank, see that it works. */
  worked(): void;
  /** The end that all ranks have come to. */
  leave(): Promise<void>;
}

/** Seconds: one thing that a rank does, a graph opened or a checkpoint written, may take that long. */
const defaultTimeout = 300;

/** A process by itself. */
export const alone: Ranks = {
  ...{ rank: 0, size: 1 },
  anyOf: (flag) => Promise.resolve(flag),
  requireSame: () => Promise.resolve(),
  exchange: (text) => Promise.resolve([text]),
  worked: () => undefined,
  leave: () => Promise.resolve(),
};

/** Of a fact, as numbers that float32 has. */
const hashBytes = 16;
const hashOf = (fact: unknown): Uint8Array =>
  createHash('sha256')
    .update(JSON.stringify(fact) ?? '')
    .digest()
    .subarray(0, hashBytes);
/** Longest name of a host that is told. */
const hostBytes = 64;

function readRow(row: Float32Array): { hashes: Uint8Array; host: string } {
  const bytes = Uint8Array.from(row);
  const host = new TextDecoder().decode(bytes.subarray(-hostBytes)).replace(/\0+$/, '');
  return { hashes: bytes.subarray(0, -hostBytes), host };
}

function requireSameFacts(names: readonly string[], rows: readonly Float32Array[]): void {
  const [first, ...others] = rows.map(readRow);
  const isSame = (hashes: Uint8Array, i: number) =>
    Buffer.compare(
      hashes.subarray(i * hashBytes, (i + 1) * hashBytes),
      first!.hashes.subarray(i * hashBytes, (i + 1) * hashBytes),
    ) === 0;
  for (const [i, name] of names.entries()) {
    const other = others.findIndex(({ hashes }) => !isSame(hashes, i));
    if (other < 0) continue;
    throw new UserError(
      `rank ${other + 1} (${others[other]!.host}) has ${name} other than rank 0 (${first!.host}): every rank needs the same.`,
    );
  }
}

/**
 * Meets the other ranks, if this process is one.
 *
 * @throws UserError when there are to be some and are none, and when they don't come
 */
export async function joinRanks(
  thread: ComputeThread,
  { ranks, rankTimeout }: Pick<RunOptions, 'ranks' | 'rankTimeout'>,
): Promise<Ranks> {
  if (ranks === undefined || ranks === 1) return alone;
  const { rank, size, by, note, work } = await thread.joinRanks(rankTimeout ?? defaultTimeout);
  const gather: Gather = (mine) => thread.gather(mine);
  const gathered = async (mine: Float32Array<ArrayBuffer>): Promise<Float32Array[]> => {
    const all = await gather(mine);
    return Array.from({ length: size }, (_, i) => all.subarray(i * mine.length, (i + 1) * mine.length));
  };
  return {
    ...{ rank, size, by, note, among: { rank, size, gather } },
    anyOf: async (flag) => (await gathered(Float32Array.of(flag ? 1 : 0))).some(([given]) => given !== 0),
    requireSame: async (facts) => {
      const all = { 'a version': packageJson().version, ...facts };
      const bytes = Object.values(all).flatMap((fact) => [...hashOf(fact)]);
      const host = [...new TextEncoder().encode(hostname()).subarray(0, hostBytes)];
      const padded = [...host, ...new Array<number>(hostBytes - host.length).fill(0)];
      requireSameFacts(Object.keys(all), await gathered(Float32Array.from([...bytes, ...padded])));
    },
    exchange: (text) => exchange(gather, text),
    worked: () => worked(work),
    leave: () => thread.leaveRanks(),
  };
}
