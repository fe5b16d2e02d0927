/** The ranks that somebody has started, speaking by what all of them have. */
import os from 'node:os';
import { UserError } from '../base/errors.js';
import type { Communicator } from './communicator.js';
import type { Gather } from './exchange.js';
import { exchange } from './exchange.js';
import type { Nccl } from './nccl-library.js';
import { loadNccl } from './nccl-library.js';
import type { RankDevice } from './nccl-communicator.js';
import { NcclCommunicator } from './nccl-communicator.js';
import { meetByMpi } from './mpi.js';
import type { Offer } from './offers.js';
import { byMpi, chooseWay, wishOf } from './offers.js';
import type { Place } from './place.js';
import { placeOfProcess } from './place.js';
import { addressOf, meet } from './rendezvous.js';
import { Watch } from './watch.js';
import type { Meeting } from './watch-messages.js';

export interface OpenOptions {
  /** After which a rank that is not heard of, or does not come to a call, ends all of them. */
  timeoutSeconds: number;
  /** What this rank computes on, where NCCL reaches it: opened when it is asked for. Undefined on the CPU. */
  device?: (ranks: number) => Promise<RankDevice>;
  /** Numbers that NCCL moves at a time, for tests. */
  piece?: number;
  /** Why it can't be, on a GPU. */
  lacks?: string;
}

export interface Opened {
  communicator: Communicator;
  /** What there is to know of it, for people. */
  note?: string;
}

/** What a rank says first, in a line; rank 0's also has what the others need of it. */
interface Hello extends Offer {
  id?: number[];
  meeting?: Meeting;
}

/** A GPU with NCCL beside it, or why there is none. */
interface Found {
  nccl?: Nccl;
  device?: RankDevice;
  lacks: string | null;
}

async function find({ device, lacks }: OpenOptions, wish: Offer['wish'], ranks: number): Promise<Found> {
  if (!device || wish === 'mpi') return { lacks: lacks ?? null };
  try {
    const nccl = await loadNccl();
    return { nccl, device: await device(ranks), lacks: null };
  } catch (error) {
    if (error instanceof UserError) return { lacks: error.message };
    throw error;
  }
}

const offerOf = ({ nccl, device, lacks }: Found, wish: Offer['wish']): Offer => ({
  ...{ host: os.hostname(), wish, lacks },
  nccl: nccl?.version ?? null,
  gpu: device?.runtime.gpu ?? null,
});

async function release({ device }: Found): Promise<void> {
  device?.runtime.close();
  await device?.sums.release();
}

const gatherBy =
  (talk: Communicator): Gather =>
  async (mine) => {
    const all = new Float32Array(mine.length * talk.size);
    await talk.allGather(mine, all);
    return all;
  };

/** @param options.after what ends when NCCL does */
async function openNccl(
  { nccl, device }: Found,
  { watch, rank, size }: { watch: Watch; rank: number; size: number },
  [first]: readonly Hello[],
  options: { after: () => Promise<void>; piece?: number },
): Promise<Communicator> {
  const communicator = new NcclCommunicator(nccl!, device!, watch, rank, size, options);
  await communicator.open(Uint8Array.from(first!.id!));
  return communicator;
}

/** Ranks that MPI has brought together, and whose GPUs NCCL may. */
async function openBesideMpi(options: OpenOptions): Promise<Opened> {
  const wish = wishOf(process.env);
  const { talk, watch } = await meetByMpi(options);
  const { rank, size } = talk;
  const found = await find(options, wish, size);
  const own: Hello = {
    ...offerOf(found, wish),
    ...(rank === 0 && found.nccl && { id: [...found.nccl.uniqueId()] }),
  };
  const hellos = (await exchange(gatherBy(talk), JSON.stringify(own))).map((text) => JSON.parse(text) as Hello);
  const choice = chooseWay(hellos);
  if (choice.by === 'mpi') {
    await release(found);
    const note = choice.why && `gradients go through the host's memory, by ${talk.by}: ${choice.why}`;
    return { communicator: talk, note };
  }
  return {
    communicator: await openNccl(found, { watch, rank, size }, hellos, { ...options, after: () => talk.close() }),
  };
}

/** Ranks that find each other by an address, and have nothing but NCCL. */
async function openByAddress(place: Place, options: OpenOptions): Promise<Opened> {
  const { rank, size, by } = place;
  const wish = wishOf(process.env);
  if (wish === 'mpi')
    throw new UserError(`${by} has started this process, without MPI: leave ${byMpi} out, or start with mpirun`);
  const address = addressOf(process.env);
  const found = await find(options, wish, size);
  const watch = new Watch(place, options.timeoutSeconds);
  try {
    watch.expect(null);
    const first = rank === 0 && found.nccl && { id: [...found.nccl.uniqueId()], meeting: await watch.listen() };
    const own: Hello = { ...offerOf(found, wish), ...first };
    const texts = await meet(place, address, JSON.stringify(own), options.timeoutSeconds);
    const hellos = texts.map((text) => JSON.parse(text) as Hello);
    const choice = chooseWay(hellos);
    if (choice.by === 'mpi')
      throw new UserError(
        `${by} has started ${size} processes, which find each other by NCCL, but ${choice.why}; or start them with mpirun -n ${size} and the same command`,
      );
    if (rank > 0) watch.join(hellos[0]!.meeting!);
    await watch.everybody();
    const after = async () => {
      await watch.bye();
      await watch.close();
    };
    return { communicator: await openNccl(found, { watch, rank, size }, hellos, { ...options, after }) };
  } catch (error) {
    await watch.close();
    throw error;
  }
}

/**
 * All calls are made by the calling thread, a worker or the main one: once in a process.
 *
 * @throws UserError for a process by itself, where what is needed is not installed, and when the others don't come
 */
export async function openRanks(options: OpenOptions): Promise<Opened> {
  const place = placeOfProcess(process.env, options.device || options.lacks !== undefined ? 'NCCL' : 'MPI');
  return place?.by === 'torchrun' ? openByAddress(place, options) : openBesideMpi(options);
}
