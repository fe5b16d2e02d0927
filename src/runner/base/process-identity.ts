/** Which process on which machine: what a lock says of its holder. */
import { readFileSync, readlinkSync } from 'node:fs';
import os from 'node:os';
import { processStat } from './process-stat.js';

export interface ProcessIdentity {
  pid: number;
  /** The machine's name, for people. */
  host: string;
  /** Of the machine since it was started, and of the container's numbering of processes; empty where the system tells neither. */
  world: string;
  /** When the process began, in the system's own count: numbers of processes are given again. Empty where it is not told. */
  began: string;
}

const orEmpty = (read: () => string): string => {
  try {
    return read();
  } catch {
    return '';
  }
};

const beganOf = (pid: number): string => orEmpty(() => processStat(pid).began);

const worldOf = (): string =>
  orEmpty(
    () => `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`,
  );

export const thisProcess = (): ProcessIdentity => ({
  pid: process.pid,
  host: os.hostname(),
  world: worldOf(),
  began: beganOf(process.pid),
});

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const bootOf = (world: string): string | undefined => world.split(' ')[0];

/** Milliseconds since 1970. */
const startOfMachine = (): number => Date.now() - 1000 * os.uptime();

/**
 * Whether a process is still there: a suspended one is. `unknown` for one of another machine or container. One of this machine before it
 * was started anew is gone.
 *
 * @param seen when it gave its last sign of life, in milliseconds since 1970: another machine of the same name is told by one since
 */
export function livenessOf({ pid, host, world, began }: ProcessIdentity, seen: number): 'alive' | 'gone' | 'unknown' {
  const here = thisProcess();
  if (host !== here.host) return 'unknown';
  if (bootOf(world) !== bootOf(here.world)) return seen < startOfMachine() ? 'gone' : 'unknown';
  if (world !== here.world) return 'unknown';
  if (!exists(pid)) return 'gone';
  if (began === '') return 'alive';
  return beganOf(pid) === began ? 'alive' : 'gone';
}
