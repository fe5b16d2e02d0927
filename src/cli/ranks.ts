/** A command as several processes, its ranks: the first one tells what all have to tell. */
import { placeOfProcess } from '../runner/ranks/place.js';

export const isRank = (): boolean => placeOfProcess(process.env) !== undefined;

/** Whether this is a rank beside the first. */
export const isAside = (): boolean => (placeOfProcess(process.env)?.rank ?? 0) > 0;

/** Starts this very command again, as ranks that know of each other. @returns the exit code */
export async function startRanks(size: number): Promise<number> {
  const { launchRanks } = await import('../runner/ranks/launch.js');
  const [, program, ...args] = process.argv as [string, string, ...string[]];
  // What mpirun gives ranks to write to looks like a terminal, whatever this program writes to.
  const env = { ...process.env, ...(!process.stdout.isTTY && { TERM: 'dumb', NO_COLOR: '1' }) };
  return launchRanks({ size, program, args, env });
}
