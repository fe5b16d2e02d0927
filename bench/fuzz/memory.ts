/** Memory and CPU time of processes. Linux. */
import { readFileSync, writeFileSync } from 'node:fs';

/** Bytes by which a process that parses may grow. */
export const mostGrowth = 256 * 2 ** 20;

/** Exit codes of the parsing process: it has grown too much, or is broken itself. */
export const growthCode = 71;
export const brokenCode = 72;

const clockTicks = 100;

/** Peak of this process's resident memory in bytes; `maxRSS` would count the parent's as well. */
const residentPeak = (): number =>
  1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0);

/** Lets the peak begin at what is resident now. */
const resetPeak = (): void => writeFileSync('/proc/self/clear_refs', '5');

/** How much this process has grown since it began to parse. */
export class Growth {
  private readonly start: number;
  /** Bytes. */
  most = 0;

  /** @param collect collects garbage */
  constructor(private readonly collect: () => void) {
    collect();
    resetPeak();
    this.start = residentPeak();
  }

  /** Looks at the peak since the last look. @returns whether it is more than it may be */
  isTooMuch(): boolean {
    const growth = residentPeak() - this.start;
    this.most = Math.max(this.most, growth);
    if (growth > mostGrowth / 2) {
      // What is only waiting to be collected must not add up with what an input takes.
      this.collect();
      resetPeak();
    }
    return growth > mostGrowth;
  }
}

export interface ProcessState {
  /** `R` runs, `S` sleeps, `T` is stopped ... */
  state: string;
  /** Seconds of computing. */
  cpu: number;
}

/** Undefined for a process that has ended. */
export function processState(pid: number): ProcessState | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { state: fields[0]!, cpu: (Number(fields[11]) + Number(fields[12])) / clockTicks };
  } catch {
    return undefined;
  }
}
