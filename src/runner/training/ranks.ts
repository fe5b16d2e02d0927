/** A training among the ranks that share its batches, each with a copy of the state. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { greatestDivisor } from '../../graph/onnx/types.js';
import type { TrainingOptions } from '../../graph/options.js';
import { UserError } from '../base/errors.js';
import { packageJson } from '../base/package-json.js';
import type { ComputeThread } from '../compute/thread.js';
import type { StepBatch } from '../data/batches.js';
import type { AmongRanks } from '../evaluation/embed-among-ranks.js';
import type { TrainingPlan } from '../options/plan.js';

export interface Ranks {
  rank: number;
  size: number;
  /** What they speak by; undefined for a training by itself. */
  by?: string;
  /** What there is to know of that, for people. */
  note?: string;
  /** Undefined for a training by itself. */
  among?: AmongRanks;
  /** Whether any rank says so; all ranks ask at once. */
  anyOf(flag: boolean): Promise<boolean>;
  /** @param facts by what errors call them @throws UserError naming the first rank that has others, on every rank */
  requireSame(facts: Readonly<Record<string, unknown>>): Promise<void>;
  /** The end that all ranks have come to. */
  leave(): Promise<void>;
}

/** Seconds: reading all images, or an evaluation, may take one rank that much longer than another. */
const defaultTimeout = 300;

/** A training by itself. */
const alone: Ranks = {
  ...{ rank: 0, size: 1 },
  anyOf: (flag) => Promise.resolve(flag),
  requireSame: () => Promise.resolve(),
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
      `rank ${other + 1} (${others[other]!.host}) has ${name} other than rank 0 (${first!.host}): every rank needs the same. Nothing was trained.`,
    );
  }
}

/**
 * Meets the other ranks, if this process is one.
 *
 * @throws UserError when there are to be some and are none, and when they don't come
 */
export async function joinRanks(thread: ComputeThread, { ranks, rankTimeout }: TrainingPlan['ranks']): Promise<Ranks> {
  if (ranks === undefined || ranks === 1) return alone;
  const { rank, size, by, note } = await thread.joinRanks(rankTimeout ?? defaultTimeout);
  const gathered = async (mine: Float32Array<ArrayBuffer>): Promise<Float32Array[]> => {
    const all = await thread.gather(mine);
    return Array.from({ length: size }, (_, i) => all.subarray(i * mine.length, (i + 1) * mine.length));
  };
  return {
    ...{ rank, size, by, note, among: { rank, size, gather: (mine) => thread.gather(mine) } },
    anyOf: async (flag) => (await gathered(Float32Array.of(flag ? 1 : 0))).some(([given]) => given !== 0),
    requireSame: async (facts) => {
      const all = { 'a version': packageJson().version, ...facts };
      const bytes = Object.values(all).flatMap((fact) => [...hashOf(fact)]);
      const host = [...new TextEncoder().encode(hostname()).subarray(0, hostBytes)];
      const padded = [...host, ...new Array<number>(hostBytes - host.length).fill(0)];
      requireSameFacts(Object.keys(all), await gathered(Float32Array.from([...bytes, ...padded])));
    },
    leave: () => thread.leaveRanks(),
  };
}

/** What a rank has of a batch that all of them divide. */
export interface Share {
  /** Images. */
  count: number;
  /** Whether a rank's images are a batch of their own, until it meets the others (`--sync-every`). */
  isApart: boolean;
  of: (batch: StepBatch) => StepBatch;
}

type BatchShape = Pick<TrainingOptions, 'batchSize' | 'batchK'>;

/** @throws UserError naming a batch that can be divided */
function requireDivisible(size: number, { batchSize, batchK }: BatchShape, isApart: boolean): void {
  // Of a batch of its own, two classes at least.
  const [step, least] = isApart
    ? [size * batchK, 2 * size * batchK]
    : [(size * batchK) / greatestDivisor(size, batchK), 0];
  if (batchSize % (isApart ? step : size) === 0 && batchSize >= least) return;
  const wanted = Math.max(least, Math.ceil(batchSize / step) * step);
  throw new UserError(
    isApart
      ? `--batch-size ${batchSize} on ${size} ranks with --sync-every: the images of a rank are a batch of their own, of two classes or more with ` +
          `--batch-k ${batchK} images each. Give a multiple of ${step}, ${wanted} say.`
      : `--batch-size ${batchSize} can't be divided among ${size} ranks: give a multiple of ${step}, ${wanted} say.`,
  );
}

/**
 * This rank's share of each batch: the images in its places of the whole one. Of random numbers, ranks that train together each have all;
 * those that train apart have a stretch each of what the step's streams give, one after another.
 *
 * @throws UserError when the ranks can't have equal shares
 */
export function shareOfBatch({ rank, size }: Pick<Ranks, 'rank' | 'size'>, shape: BatchShape, isApart: boolean): Share {
  requireDivisible(size, shape, isApart);
  const count = shape.batchSize / size;
  const own = <T extends Int32Array | Uint8Array | Float32Array>(all: T): T => {
    const length = all.length / size;
    return all.subarray(rank * length, (rank + 1) * length) as T;
  };
  return {
    ...{ count, isApart },
    of: ({ indices, flips, labels, uniforms, dropout }) => ({
      ...{ indices: own(indices), flips: own(flips) },
      ...(isApart
        ? { labels: own(labels), uniforms: own(uniforms), dropout: own(dropout) }
        : { labels, uniforms, dropout }),
    }),
  };
}
