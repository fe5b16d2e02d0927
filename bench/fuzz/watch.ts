/** One process that parses, watched until it is told to stop, dies, hangs or fills the memory. */
import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { brokenCode, growthCode, mostGrowth, processState } from './memory.js';
import type { Job, Report } from './messages.js';

/** Milliseconds. */
const pollEvery = 250;
/** Seconds. */
const defaultCpu = 10;
/** Polls, 30 s, in which a process may wait without computing; those in which it is stopped do not count. */
const mostIdle = 120;

const child = fileURLToPath(new URL('child.ts', import.meta.url));

export interface Place {
  target: number;
  index: number;
}

/** How a process ended: as told, or at an input. */
export type End = { kind: 'stopped' } | { kind: 'failed'; reason: string; at: Place };

export interface WatchHooks {
  onReport: (report: Report) => void;
  /** Called four times a second. @param cpu seconds of computing */
  onPoll: (cpu: number) => void;
  isOver: () => boolean;
  /** Seconds of computing that one input may take. Default: 10. */
  mostCpu?: number;
}

export async function watch(job: Job, { onReport, onPoll, isOver, mostCpu = defaultCpu }: WatchHooks): Promise<End> {
  writeFileSync(job.place, new Uint8Array(16));
  const process = fork(child, { serialization: 'advanced', execArgv: ['--expose-gc', '--import', 'tsx'] });
  const { pid = 0 } = process;
  const ended = new Promise<number | null>((resolve) => process.once('close', resolve));
  let code: number | null | undefined;
  void ended.then((value) => (code = value));
  let isReady = false;
  process.on('message', (report: Report) => {
    if (report.kind === 'ready') isReady = true;
    onReport(report);
  });
  process.send(job);

  const place = (): Place => {
    const [target, index] = new Float64Array(Uint8Array.from(readFileSync(job.place)).buffer);
    return { target: target!, index: index! };
  };
  const failed = async (reason: string): Promise<End> => {
    const at = place();
    process.kill('SIGKILL');
    await ended;
    return { kind: 'failed', reason, at };
  };

  let last = { target: -1, index: -1 };
  let since = 0;
  let idle = 0;
  let before = 0;
  let isStopping = false;
  for (;;) {
    await setTimeout(pollEvery);
    if (isStopping && code === 0) return { kind: 'stopped' };
    if (code === brokenCode) throw new Error('the process that parses could not begin or go on');
    if (code === growthCode) return failed(`the memory grows by more than ${mostGrowth / 2 ** 20} MiB`);
    if (code !== undefined) return failed(`the process ends with ${code ?? process.signalCode}`);
    const state = processState(pid);
    if (!state || !isReady) continue;
    onPoll(state.cpu);
    const now = place();
    if (now.target !== last.target || now.index !== last.index) {
      [last, since, idle] = [now, state.cpu, 0];
    } else if (state.state === 'S' && state.cpu === before) idle++;
    before = state.cpu;
    if (state.cpu - since > mostCpu) return failed(`an input takes more than ${mostCpu} s of computing`);
    if (idle > mostIdle) return failed('the process waits for something that does not come');
    if (!isStopping && isOver()) {
      isStopping = true;
      process.send('stop');
    }
  }
}
