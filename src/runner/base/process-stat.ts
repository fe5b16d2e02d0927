/** What Linux tells of a process. */
import { readFileSync } from 'node:fs';

export interface ProcessStat {
  /** Of computing, by the program and by the system for it; a hundred a second. */
  ticks: number;
  /** When it began, in the system's own count; empty where that is not told. */
  began: string;
}

/** @throws the operating system's error for a process that has ended, and where there is no /proc */
export function processStat(pid: number): ProcessStat {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The fields after the program's name, which may hold anything.
  const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ');
  return { ticks: Number(fields[11]) + Number(fields[12]), began: fields[19] ?? '' };
}
