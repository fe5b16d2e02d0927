/** A command as several processes, its ranks: the first one tells what all have to tell. */
import type { Command } from 'commander';
import { setTimeout } from 'node:timers/promises';
import { isAside, placeOfProcess } from '../runner/ranks/place.js';

/** What a person has said of threads: of the default, a rank has its share. */
export const givenThreads = (command: Command): number | undefined =>
  command.getOptionValueSource('threads') === 'cli' ? (command.getOptionValue('threads') as number) : undefined;

export const isRank = (): boolean => placeOfProcess(process.env, 'NCCL') !== undefined;

/** How long the first rank has to say what it has met: mpirun ends the others then. */
const headStart = 2000;

/** Before a rank beside the first fails with what all of them may have met, which is to be said once. */
export const afterFirstRank = async (): Promise<void> => {
  if (!isAside()) return;
  process.once('SIGTERM', () => process.exit(1));
  await setTimeout(headStart);
};

/** Starts this very command again, as ranks that know of each other. @returns the exit code */
export async function startRanks(size: number): Promise<number> {
  const { launchRanks } = await import('../runner/ranks/launch.js');
  const [, program, ...args] = process.argv as [string, string, ...string[]];
  // What mpirun gives ranks to write to looks like a terminal, whatever this program writes to.
  const env = { ...process.env, ...(!process.stdout.isTTY && { TERM: 'dumb', NO_COLOR: '1' }) };
  return launchRanks({ size, program, args, env });
}
