import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StepBatch } from '../../../src/runner/data/batches.js';
import { BadImageError } from '../../../src/runner/data/image-file.js';
import type { PrefetchOptions, TrainingRun } from '../../../src/runner/data/prefetch.js';
import { prefetchRuns } from '../../../src/runner/data/prefetch.js';

const paths = Array.from({ length: 100 }, (_, i) => `${i}`);

/** Two images a step; every number tells its epoch and step. */
const plan = (epoch: number, step: number): StepBatch => ({
  indices: Int32Array.of(epoch * 10 + step, 90),
  labels: Int32Array.of(epoch, step),
  flips: Uint8Array.of(step & 1, 0),
  uniforms: Float32Array.of(epoch + 0.5, step + 0.5),
  dropout: new Uint8Array(0),
});

/** Images of one byte: the file's name, plus 100 when mirrored. */
const bytes = (files: readonly string[], flips?: ArrayLike<number>) =>
  Uint8Array.from(files, (file, i) => Number(file) + 100 * flips![i]!);

/** A loader whose answers the test sets free. */
function manualLoader() {
  const calls: { files: readonly string[]; finish: () => void; fail: (error: Error) => void }[] = [];
  const decode: PrefetchOptions['loader']['decode'] = (files, flips) =>
    new Promise((resolve, reject) => {
      const finish = () => {
        resolve(bytes(files, flips));
      };
      calls.push({ files, finish, fail: reject });
    });
  return { calls, loader: { decode } };
}

const instantLoader: PrefetchOptions['loader'] = {
  decode: async (files, flips) => bytes(files, flips),
};

const runs = (options: Partial<PrefetchOptions>) =>
  prefetchRuns({
    plan,
    paths,
    loader: instantLoader,
    from: { epoch: 0, step: 0 },
    epochs: 2,
    stepsPerEpoch: 5,
    stepsInNextRun: () => 2,
    ahead: 1,
    ...options,
  });

async function collect(options: Partial<PrefetchOptions>): Promise<TrainingRun[]> {
  const all: TrainingRun[] = [];
  for await (const run of runs(options)) all.push({ ...run, images: run.images.slice() });
  return all;
}

const places = (all: TrainingRun[]) => all.map(({ epoch, step, steps }) => [epoch, step, steps]);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('prefetchRuns', () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  beforeEach(() => process.on('unhandledRejection', onUnhandled));
  afterEach(async () => {
    await turn();
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });

  it('gives every step once, in runs that end with their epoch', async () => {
    const expected = [
      [0, 0, 2],
      [0, 2, 2],
      [0, 4, 1],
      [1, 0, 2],
      [1, 2, 2],
      [1, 4, 1],
    ];
    for (const ahead of [1, 2, 9]) expect(places(await collect({ ahead }))).toEqual(expected);
    expect(places(await collect({ stepsInNextRun: () => 100 }))).toEqual([
      [0, 0, 5],
      [1, 0, 5],
    ]);
  });

  it('starts where a stopped training left off, also at the end of an epoch', async () => {
    expect(places(await collect({ from: { epoch: 1, step: 3 } }))).toEqual([[1, 3, 2]]);
    expect(places(await collect({ from: { epoch: 0, step: 5 }, stepsInNextRun: () => 5 }))).toEqual([[1, 0, 5]]);
    expect(await collect({ from: { epoch: 1, step: 5 } })).toEqual([]);
    expect(await collect({ from: { epoch: 2, step: 0 } })).toEqual([]);
  });

  it('stacks the steps of a run', async () => {
    const [, second] = await collect({ epochs: 1 });
    expect([...second!.images]).toEqual([2, 90, 103, 90]);
    expect([...second!.labels]).toEqual([0, 2, 0, 3]);
    expect([...second!.uniforms]).toEqual([0.5, 2.5, 0.5, 3.5]);
    expect(second!.dataSeconds).toBeGreaterThanOrEqual(0);
  });

  it('asks for the length of each run when it starts to decode it', async () => {
    const lengths = [1, 3, 0, 4, 2];
    const all = await collect({ stepsInNextRun: () => lengths.shift()! });
    expect(all.map(({ steps }) => steps)).toEqual([1, 3, 1, 4, 1]);
  });

  it('keeps as many runs in work as it should, before the consumer asks', async () => {
    for (const ahead of [1, 2]) {
      const { calls, loader } = manualLoader();
      const iterator = runs({ loader, ahead });
      const first = iterator.next();
      expect(calls).toHaveLength(1 + ahead);
      calls[0]!.finish();
      await first;
      await turn();
      expect(calls).toHaveLength(1 + ahead);
      // A consumer that never yields to the event loop: the next decoding is posted as soon as it asks.
      const second = iterator.next();
      await Promise.resolve();
      expect(calls).toHaveLength(2 + ahead);
      calls[1]!.finish();
      await second;
      await iterator.return();
    }
  });

  it('reports a failure in its place, and forgets the runs behind it', async () => {
    const { calls, loader } = manualLoader();
    const iterator = runs({ loader, ahead: 2 });
    const first = iterator.next();
    calls[2]!.fail(new Error('third'));
    calls[1]!.fail(new Error('second'));
    await turn();
    calls[0]!.finish();
    expect((await first).value).toMatchObject({ step: 0 });
    await expect(iterator.next()).rejects.toThrow('second');
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('says of an image that was changed meanwhile to put it back and to go on', async () => {
    const decode = () => Promise.reject(new BadImageError('a/1.png', 'the file is damaged'));
    await expect(collect({ loader: { decode } })).rejects.toThrow(
      'a/1.png: the file is damaged. It could be read before the first step: put it back as it was, and go on with --resume auto.',
    );
  });

  it('can be left while runs are in work that fail later', async () => {
    const { calls, loader } = manualLoader();
    const iterator = runs({ loader, ahead: 2 });
    const first = iterator.next();
    calls[0]!.finish();
    await first;
    expect(await iterator.return()).toEqual({ done: true, value: undefined });
    calls[1]!.fail(new Error('too late'));
    calls[2]!.fail(new Error('too late'));
    await turn();
  });

  it('counts the time that the consumer waited, not the time that it worked', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const slow: PrefetchOptions['loader'] = {
      decode: async (files, flips) => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        return instantLoader.decode(files, flips);
      },
    };
    const iterator = runs({ loader: slow });
    const secondsAfter = async (ms: number) => {
      const next = iterator.next();
      await vi.advanceTimersByTimeAsync(ms);
      return ((await next).value as TrainingRun).dataSeconds;
    };
    expect(await secondsAfter(100)).toBeCloseTo(0.1);
    await vi.advanceTimersByTimeAsync(400);
    expect(await secondsAfter(0)).toBeCloseTo(0);
    await vi.advanceTimersByTimeAsync(70);
    expect(await secondsAfter(30)).toBeCloseTo(0.03);
    vi.useRealTimers();
  });
});
