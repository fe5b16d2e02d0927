/**
 * A long training in this process: does it take ever more memory, files or threads? Run with MALLOC_ARENA_MAX=1 and
 * `node --max-semi-space-size=1`: else what glibc and V8 keep for later comes and goes by more than what is looked for.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TrainEvent } from '../../src/runner/training/events.js';
import { train } from '../../src/runner/jobs/train.js';
import { writeNoise } from './small-run.js';

const epochs = 40;
/**
 * Growth of the memory, from the second quarter of the run to its last, that still counts as flat. What V8 (of four threads, of which
 * only this one's garbage can be collected here) and glibc keep comes and goes by some percent within a tenth, and settles in the first
 * quarter.
 */
const flat = 0.02;

interface Sample {
  step: number;
  /** MiB. */
  memory: number;
  files: number;
  threads: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const entries = async (folder: string) => (await readdir(folder)).length;

/** All but libvips's: it keeps those that were busy at once, up to a number of its own. */
async function ownThreads(): Promise<number> {
  const names = await Promise.all(
    (await readdir('/proc/self/task')).map((id) => readFile(`/proc/self/task/${id}/comm`, 'utf8').catch(() => '')),
  );
  return names.filter((name) => name !== '' && !name.startsWith('libvips')).length;
}

async function sample(step: number): Promise<Sample> {
  collectGarbage();
  const memory = process.memoryUsage.rss() / 2 ** 20;
  return { step, memory, files: await entries('/proc/self/fd'), threads: await ownThreads() };
}

const mean = (samples: readonly Sample[]): number =>
  samples.reduce((sum, { memory }) => sum + memory, 0) / samples.length;

/** Trains `count` steps with an evaluation and checkpoints in each of 40 epochs. Linux. @throws Error when something grows */
export async function soak(count: number): Promise<void> {
  const root = await mkdtemp(path.join(tmpdir(), 'dws-soak-'));
  const before = await sample(0);
  const samples: Sample[] = [];
  const pending: Promise<void>[] = [];
  const every = Math.max(1, Math.floor(count / 200));
  const onEvent = (event: TrainEvent) => {
    if (event.kind !== 'steps' || event.step < every * (samples.length + pending.length)) return;
    const taken = sample(event.step).then((row) => {
      samples.push(row);
      pending.splice(pending.indexOf(taken), 1);
      if (samples.length % 10 === 1) console.log(JSON.stringify({ ...row, memory: Math.round(row.memory) }));
    });
    pending.push(taken);
  };
  try {
    await writeNoise(path.join(root, 'data'));
    const started = performance.now();
    const { step } = await train(
      {
        ...{ dataPath: path.join(root, 'data'), out: path.join(root, 'run'), savePrefix: '', model: 'squeezenet1_1' },
        ...{ featDim: 16, embedDim: 8, imageSize: 32, batchSize: 4, batchK: 2, batchNum: count / epochs, epochs },
        ...{ margin: 0.2, nu: 0, beta: 1.2, normalizeWeights: false, freezeBn: false, backboneLrMult: 1 },
        ...{ optimizer: 'sgd', momentum: 0.9, weightDecay: 1e-4, lr: 1e-4, lrBeta: 0.1, factor: 0.5, steps: [20] },
        ...{ startEpoch: 0, seed: 1, printFreq: 1, keep: 2, skipBad: false, smallClasses: 'error', resize: 'stretch' },
        ...{ workers: 2, cache: 'none', device: 'cpu', deviceId: 0, threads: 1, tensorboard: true },
        ...{ checkpointEvery: Math.ceil(count / epochs / 2), clipNorm: 10 },
      },
      { onEvent, signal: new AbortController().signal },
    );
    await Promise.all(pending);
    const minutes = (performance.now() - started) / 6e4;
    const after = await sample(step);
    const quarter = Math.floor(samples.length / 4);
    const [early, late] = [mean(samples.slice(quarter, 2 * quarter)), mean(samples.slice(-quarter))];
    const growth = late / early - 1;
    const row = (name: string, { memory, files, threads }: Sample) =>
      `${name}: ${memory.toFixed(0)} MiB, ${files} open files, ${threads} threads`;
    console.log(`${step} steps in ${minutes.toFixed(1)} minutes`);
    console.log(
      [
        row('before', before),
        row('second quarter', samples[quarter]!),
        row('last', samples.at(-1)!),
        row('after', after),
      ].join('\n'),
    );
    console.log(
      `memory: ${early.toFixed(1)} MiB in the second quarter, ${late.toFixed(1)} MiB in the last: ${(100 * growth).toFixed(2)} %`,
    );
    if (growth > flat) throw new Error(`memory has grown by ${(100 * growth).toFixed(2)} %`);
    const [first, last] = [samples[quarter]!, samples.at(-1)!];
    if (last.files > first.files || last.threads > first.threads) throw new Error('open files or threads have grown');
    const workers = process.getActiveResourcesInfo().filter((name) => name === 'Worker' || name === 'MessagePort');
    if (workers.length > 0) throw new Error(`left behind: ${workers.join(', ')}`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
