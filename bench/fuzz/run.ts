/** Runs the parsing process, again after each input that it did not outlive, and counts. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Failure, Report, Tally } from './messages.js';
import type { Target } from './target.js';
import { inputOf, openTarget } from './target.js';
import type { Place } from './watch.js';
import { watch } from './watch.js';

/** Findings that end a run: the same one again and again would take all of its time. */
const mostFindings = 100;

export interface FuzzOptions {
  /** Module that exports `targets`. */
  module: string;
  /** Names of those that are fuzzed; all unless given. */
  names?: readonly string[];
  seed: number;
  /** Of computing. */
  minutes: number;
  /** Seconds of computing that one input may take. Default: 10. */
  mostCpu?: number;
  onFailure: (failure: Failure) => void;
  signal?: AbortSignal;
}

export interface FuzzResult {
  /** By target. */
  tallies: Map<string, Tally>;
  findings: number;
  /** Minutes of computing. */
  computed: number;
  /** Bytes by which the parsing process grew at most. */
  growth: number;
}

async function inputAt(chosen: Target, seed: number, index: number, folder: string): Promise<Uint8Array> {
  const home = path.join(folder, `again-${chosen.name}`);
  await mkdir(home, { recursive: true });
  const bytes = await inputOf(await openTarget(chosen, home), seed, index);
  await rm(home, { recursive: true });
  return bytes;
}

export async function fuzz({
  module,
  names,
  seed,
  minutes,
  mostCpu,
  onFailure,
  signal,
}: FuzzOptions): Promise<FuzzResult> {
  const { targets } = (await import(module)) as { targets: readonly Target[] };
  const chosen = names ?? targets.map(({ name }) => name);
  const next = Object.fromEntries(chosen.map((name) => [name, 0]));
  const empty = (): Tally => ({ executions: 0, read: 0, refused: 0, failures: 0 });
  const result: FuzzResult = {
    tallies: new Map(chosen.map((name) => [name, empty()])),
    findings: 0,
    computed: 0,
    growth: 0,
  };
  const folder = await mkdtemp(path.join(tmpdir(), 'dws-fuzz-'));
  const tell = (failure: Failure) => {
    result.findings++;
    onFailure(failure);
  };
  const onReport = (report: Report) => {
    if (report.kind === 'failure') tell(report.failure);
    if (report.kind !== 'tally') return;
    const tally = result.tallies.get(report.target)!;
    for (const key of Object.keys(tally) as (keyof Tally)[]) tally[key] += report.tally[key];
    next[report.target]! += report.tally.executions;
    result.growth = Math.max(result.growth, report.growth);
  };
  const failAt = async ({ target, index }: Place, reason: string) => {
    const { name } = targets[target]!;
    const bytes = Buffer.from(await inputAt(targets[target]!, seed, index, folder)).toString('base64');
    result.tallies.get(name)!.failures++;
    // The last one from now on: what it leaves of each turn goes to the others.
    delete next[name];
    next[name] = index + 1;
    tell({ target: name, index, signature: reason, reason, bytes });
  };
  let cpu = 0;
  const isOver = (): boolean =>
    signal?.aborted === true || result.computed + cpu >= 60 * minutes || result.findings >= mostFindings;
  try {
    while (!isOver()) {
      const home = await mkdtemp(path.join(folder, 'run-'));
      const end = await watch(
        { module, seed, next, folder: home, place: path.join(home, 'place') },
        { onReport, onPoll: (now) => (cpu = now), isOver, mostCpu },
      );
      if (end.kind === 'failed') await failAt(end.at, end.reason);
      result.computed += cpu;
      cpu = 0;
      await rm(home, { recursive: true });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { ...result, computed: result.computed / 60 };
}
