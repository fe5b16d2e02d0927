/** Which process on which machine: what a lock says of its holder, and in short the name of a file that is being written of its writer. */
import { createHash } from 'node:crypto';
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

const bootOf = (world: string): string => world.split(' ')[0]!;

/** Milliseconds since 1970. */
const startOfMachine = (): number => Date.now() - 1000 * os.uptime();

export type Liveness = 'alive' | 'gone' | 'unknown';

/** What is known of a process, in full or in short, and how to make the same of what is known here. */
interface Known extends Omit<ProcessIdentity, 'world'> {
  /** Of the machine since it was started. */
  boot: string;
  world: string;
  told: (text: string) => string;
}

/** @param seen as of `livenessOf` */
function judge({ pid, host, boot, world, began, told }: Known, seen: number): Liveness {
  const here = thisProcess();
  if (host !== told(here.host)) return 'unknown';
  if (boot !== told(bootOf(here.world))) return seen < startOfMachine() ? 'gone' : 'unknown';
  if (world !== told(here.world)) return 'unknown';
  if (!exists(pid)) return 'gone';
  if (began === told('')) return 'alive';
  return told(beganOf(pid)) === began ? 'alive' : 'gone';
}

/**
 * Whether a process is still there: a suspended one is. `unknown` for one of another machine or container. One of this machine before it
 * was started anew is gone.
 *
 * @param seen when it gave its last sign of life, in milliseconds since 1970: another machine of the same name is told by one since
 */
export const livenessOf = (process: ProcessIdentity, seen: number): Liveness =>
  judge({ ...process, boot: bootOf(process.world), told: (text) => text }, seen);

const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 4);

/** 24 hexadecimal digits, which `livenessOfTag` understands. */
export function tagOf({ pid, host, world, began }: ProcessIdentity): string {
  return [...[host, bootOf(world), world, began].map(short), pid.toString(16).padStart(8, '0')].join('');
}

/** As `livenessOf`, of a process by its tag. */
export function livenessOfTag(tag: string, seen: number): Liveness {
  const part = (place: number) => tag.slice(4 * place, 4 * place + 4);
  const [host, boot, world, began] = [part(0), part(1), part(2), part(3)];
  return judge({ host, boot, world, began, pid: parseInt(tag.slice(16), 16), told: short }, seen);
}
