/** How many ranks there are to be, for whoever asks for some. */
import { UserError } from '../base/errors.js';
import type { Place } from './place.js';

/** What ranks can run. */
export type CommandWithRanks = 'dws train' | 'dws embed' | 'dws eval';

/**
 * @returns undefined for a process by itself
 * @throws UserError when there are not as many as are wanted
 */
export function requireRanks(
  wanted: number | undefined,
  place: Place | undefined,
  command: CommandWithRanks,
): number | undefined {
  const found = place?.size ?? 1;
  if (wanted !== undefined && wanted !== found) {
    const start = `${command} --ranks ${wanted}, or mpirun -n ${wanted} ${command}, starts as many`;
    throw new UserError(
      `--ranks ${wanted}, and there ${found === 1 ? 'is 1 process' : `are ${found} processes`}: ${start}.`,
    );
  }
  return found > 1 ? found : undefined;
}

/** Threads of a rank, unless given: the ranks of a machine divide its cores. */
export const threadsOfRank = (cores: number, place: Place | undefined): number =>
  place ? Math.max(1, Math.floor(cores / place.localSize)) : cores;
