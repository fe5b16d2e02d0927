/** Signals to ranks themselves, which mpirun does not pass on: it ends them. */
import { readdirSync, readFileSync } from 'node:fs';

/** Who has started whom, as Linux tells it; empty elsewhere. */
function children(): Map<number, number[]> {
  const found = new Map<number, number[]>();
  const pids = readdirOr('/proc').filter((name) => /^\d+$/.test(name));
  for (const pid of pids.map(Number)) {
    const stat = readOr(`/proc/${pid}/stat`);
    // After the program's name, which may hold anything: its state, and its parent.
    const parent = Number(stat.slice(stat.lastIndexOf(') ') + 2).split(' ')[1]);
    found.set(parent, [...(found.get(parent) ?? []), pid]);
  }
  return found;
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function readdirOr(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Below a process: the ranks, and not what they have started themselves. */
function ranksBelow(pid: number, variable: string, of: Map<number, number[]>): number[] {
  return (of.get(pid) ?? []).flatMap((child) => {
    const isRank = readOr(`/proc/${child}/environ`)
      .split('\0')
      .some((entry) => entry.startsWith(`${variable}=`));
    return isRank ? [child] : ranksBelow(child, variable, of);
  });
}

/**
 * @param launcher the process id of mpirun
 * @param variable of the environment, which ranks have
 * @returns whether there was a rank
 */
export function signalRanks(launcher: number, variable: string, signal: NodeJS.Signals): boolean {
  const ranks = ranksBelow(launcher, variable, children());
  for (const rank of ranks) {
    try {
      process.kill(rank, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
  return ranks.length > 0;
}
