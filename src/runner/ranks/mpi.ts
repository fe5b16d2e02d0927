/** The ranks that somebody has started, speaking by MPI. */
import { UserError } from '../base/errors.js';
import type { Communicator } from './communicator.js';
import type { Mpi } from './library.js';
import { loadMpi } from './library.js';
import type { Limits } from './mpi-communicator.js';
import { MpiCommunicator } from './mpi-communicator.js';
import type { MpiStarter, Place } from './place.js';
import { placeOfProcess } from './place.js';
import { Watch } from './watch.js';
import type { Meeting } from './watch-messages.js';

/** Ranks that each have a world of their own would train by themselves, each on a part of the batch. */
function requireSameWorld({ rank, size, by }: Place, mpi: Mpi): void {
  const [found, place] = [mpi.size(), mpi.rank()];
  if (found === size && place === rank) return;
  throw new UserError(
    `${by} has started this process as rank ${rank} of ${size}, but for ${mpi.file} it is rank ${place} of ${found}: the library is of another MPI than what has started it (mpirun of the same; srun --mpi=pmix for Open MPI, --mpi=pmi2 for MPICH)`,
  );
}

/** All ranks' watchers meet at rank 0, whose address goes by MPI. */
async function beginWatch(watch: Watch, talk: Communicator): Promise<void> {
  let bytes: Uint8Array = new Uint8Array(0);
  if (talk.rank === 0) bytes = new TextEncoder().encode(JSON.stringify(await watch.listen()));
  const length = Uint32Array.of(bytes.length);
  await talk.broadcast(new Uint8Array(length.buffer), 0);
  if (talk.rank > 0) bytes = new Uint8Array(length[0]!);
  await talk.broadcast(bytes, 0);
  if (talk.rank > 0) watch.join(JSON.parse(new TextDecoder().decode(bytes)) as Meeting);
  await watch.everybody();
}

export interface MpiOptions {
  /** After which a rank that is not heard of, or does not come to a call, ends all of them. */
  timeoutSeconds: number;
  /** Sizes of pieces, for tests. */
  limits?: Limits;
}

/**
 * MPI is begun in the calling thread, a worker or the main one, which makes all later calls: once in a process.
 *
 * @returns the watch as well, for what else the ranks speak by
 * @throws UserError for a process by itself, where MPI is not installed, and when the others don't come
 */
export async function meetByMpi(options: MpiOptions): Promise<{ talk: Communicator; watch: Watch }> {
  const place = placeOfProcess(process.env);
  if (!place) throw new UserError('this process is no rank: start several with mpirun -n 2 and the command');
  const watch = new Watch(place, options.timeoutSeconds);
  try {
    const mpi = await loadMpi(place.by as MpiStarter);
    mpi.init();
    watch.expect(null);
    requireSameWorld(place, mpi);
    const talk = new MpiCommunicator(mpi, watch, place.rank, place.size, options.limits);
    await beginWatch(watch, talk);
    return { talk, watch };
  } catch (error) {
    await watch.close();
    throw error;
  }
}

/** By MPI alone. @throws as `meetByMpi` */
export const openMpi = async (options: MpiOptions): Promise<Communicator> => (await meetByMpi(options)).talk;
