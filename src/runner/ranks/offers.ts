/** What the ranks speak by: each says what it can, and all come to the same. */
import { UserError } from '../base/errors.js';
import type { Named } from './watch-messages.js';
import { nameOf } from './watch-messages.js';

/** What a rank can do. */
export interface Offer {
  host: string;
  /** What `DWS_COMM` asks for there. */
  wish: Wish | null;
  /** The version of its NCCL; null where it has none that it can use. */
  nccl: string | null;
  /** Why it has none, for people; null where it computes without a GPU. */
  lacks: string | null;
  /** Which of its machine's GPUs it computes on. */
  gpu: string | null;
}

const wishes = ['mpi', 'nccl'] as const;
export type Wish = (typeof wishes)[number];

const variable = 'DWS_COMM';
export const byMpi = `${variable}=mpi`;

/** @throws UserError for what it may not be */
export function wishOf(env: Readonly<Record<string, string | undefined>>): Wish | null {
  const given = env[variable];
  if (given === undefined || given === '') return null;
  const wish = wishes.find((name) => name === given);
  if (wish) return wish;
  throw new UserError(
    `the environment has ${variable}=${given}: give ${wishes.join(' or ')}, or nothing for what there is`,
  );
}

/** @param why for people, where a GPU is there and NCCL is not used */
export type Choice = { by: 'nccl' } | { by: 'mpi'; why?: string };

const named = (offers: readonly Offer[], rank: number): string =>
  nameOf({ rank, host: offers[rank]!.host } satisfies Named);

/** The first two ranks that share a GPU. */
function sharing(offers: readonly Offer[]): [number, number] | undefined {
  for (const [rank, { host, gpu }] of offers.entries()) {
    const other = offers.findIndex((one) => one.host === host && one.gpu === gpu);
    if (other < rank) return [other, rank];
  }
  return undefined;
}

/** Why not all of them can speak by NCCL; undefined where they can. */
function hindrance(offers: readonly Offer[]): string | undefined {
  const lacking = offers.findIndex(({ nccl }) => nccl === null);
  if (lacking >= 0)
    return `${named(offers, lacking)}: ${offers[lacking]!.lacks ?? 'it computes without a GPU (--device cuda)'}`;
  const two = sharing(offers);
  return two && `${two.map((rank) => named(offers, rank)).join(' and ')} share a GPU, and NCCL wants one for each`;
}

/**
 * The same on every rank, of the same offers.
 *
 * @param offers by rank
 * @throws UserError where ranks ask for different ways, where what is asked for is not there, and where some have another NCCL than others
 */
export function chooseWay(offers: readonly Offer[]): Choice {
  const [first] = offers as [Offer];
  const other = offers.findIndex(({ wish }) => wish !== first.wish);
  if (other > 0)
    throw new UserError(
      `${named(offers, other)} has ${variable}=${offers[other]!.wish ?? ''}, and ${named(offers, 0)} ${variable}=${first.wish ?? ''}: every rank needs the same`,
    );
  if (first.wish === 'mpi') return { by: 'mpi' };
  const why = hindrance(offers);
  if (first.wish === 'nccl' && why !== undefined) throw new UserError(`${variable}=nccl, but ${why}`);
  const versions = new Map(offers.map(({ nccl }, rank) => [nccl, rank]));
  if (versions.size > 1) {
    const has = Array.from(versions, ([version, rank]) =>
      version === null ? `${why}` : `${named(offers, rank)} has NCCL ${version}`,
    );
    throw new UserError(`every rank needs the same NCCL, or none (${byMpi}): ${has.join('; ')}`);
  }
  if (why === undefined) return { by: 'nccl' };
  return offers.some(({ lacks, gpu }) => lacks !== null || gpu !== null) ? { by: 'mpi', why } : { by: 'mpi' };
}
