import { describe, expect, it, vi } from 'vitest';
import { HeadTrainer } from '../../src/web/learn.js';
import { randomExamples, randomHead } from './learn-data.js';

// The same WebAssembly, by the entry that loads it in Node.js.
vi.mock('onnxruntime-web/wasm', () => import('onnxruntime-web'));

const featDim = 24;
const head = randomHead(featDim, 8);
const examples = randomExamples(featDim, 2, 3);

function trainerOf(given = examples, options = {}): HeadTrainer {
  const trainer = new HeadTrainer(head, { lr: 0.003, ...options });
  for (const { label, features } of given) trainer.addExample(label, features);
  return trainer;
}

const distance = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((value, i) => value - b[i]!));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('HeadTrainer', () => {
  it('learns from two classes of three images: the loss falls and the classes move apart', async () => {
    const trainer = trainerOf();
    const gap = () => {
      const embeddings = examples.map(({ features }) => trainer.apply(features));
      const pairs = examples.flatMap((a, i) =>
        examples.slice(i + 1).map((b, j) => ({
          same: a.label === b.label,
          distance: distance(embeddings[i]!, embeddings[i + 1 + j]!),
        })),
      );
      const of = (same: boolean) => mean(pairs.filter((pair) => pair.same === same).map((pair) => pair.distance));
      return of(false) - of(true);
    };
    const before = gap();
    const told: [number, number][] = [];
    const losses = await trainer.train({ steps: 60, onStep: (loss, step) => told.push([step, loss]) });
    expect(told).toEqual(losses.map((loss, i) => [i + 1, loss]));
    expect(mean(losses.slice(-5))).toBeLessThan(0.3 * mean(losses.slice(0, 5)));
    expect(gap()).toBeGreaterThan(before + 0.5);
    await trainer.dispose();
  });

  it('is reproducible, in one go or in two, and after a reset', async () => {
    const [one, two] = [trainerOf(), trainerOf()];
    const whole = await one.train({ steps: 30 });
    const parts = [...(await two.train({ steps: 13 })), ...(await two.train({ steps: 17 }))];
    expect(parts).toEqual(whole);
    const learned = one.apply(examples[0]!.features);
    one.reset();
    expect(one.apply(examples[0]!.features)).toEqual(trainerOf().apply(examples[0]!.features));
    expect(await one.train({ steps: 30 })).toEqual(whole);
    expect(one.apply(examples[0]!.features)).toEqual(learned);
    const other = trainerOf(examples, { seed: 1 });
    expect(await other.train({ steps: 30 })).not.toEqual(whole);
    await Promise.all([one.dispose(), two.dispose(), other.dispose()]);
  });

  it('goes on with further classes, from the head as it is', async () => {
    const trainer = trainerOf();
    await trainer.train({ steps: 20 });
    const learned = trainer.apply(examples[0]!.features);
    for (const { features } of randomExamples(featDim, 1, 3)) trainer.addExample('third', features);
    const [first] = await trainer.train({ steps: 1 });
    expect(first).toBeGreaterThan(0);
    expect(distance(trainer.apply(examples[0]!.features), learned)).toBeLessThan(0.1);
    await trainer.dispose();
  });

  it('keeps what it learned until it is stopped', async () => {
    const trainer = trainerOf();
    const stop = new AbortController();
    let steps = 0;
    const training = trainer.train({ onStep: (_, step) => (steps = step) >= 20 && stop.abort(), signal: stop.signal });
    await expect(training).rejects.toMatchObject({ name: 'AbortError' });
    expect(steps).toBe(20);
    const same = trainerOf();
    await same.train({ steps: 20 });
    expect(trainer.apply(examples[0]!.features)).toEqual(same.apply(examples[0]!.features));
    await Promise.all([trainer.dispose(), same.dispose()]);
  });

  it('ends a training when it is disposed, and trains no more', async () => {
    const trainer = trainerOf();
    const training = trainer.train({ onStep: () => void trainer.dispose() });
    await expect(training).rejects.toMatchObject({ name: 'AbortError' });
    await expect(trainer.train()).rejects.toThrow('disposed');
    expect(trainer.apply(examples[0]!.features).length).toBe(8);
  });

  it('refuses a second training and a reset under way', async () => {
    const trainer = trainerOf();
    const training = trainer.train({ steps: 20 });
    await expect(trainer.train()).rejects.toThrow('training already');
    expect(() => trainer.reset()).toThrow('abort it first');
    await training;
    await trainer.dispose();
  });

  it.each([
    ['no example', [], 'two kinds or more to learn from, not 0'],
    ['one class', examples.filter(({ label }) => label === 'class 0'), 'two kinds or more to learn from, not 1'],
    [
      'a class of one image',
      examples.slice(0, 4).concat({ ...examples[0]!, label: 'cup' }),
      '“cup” has one image only',
    ],
  ])('asks for more images when there are too few: %s', async (_name, given, message) => {
    const training = trainerOf(given).train();
    await expect(training).rejects.toMatchObject({
      name: 'DwsWebError',
      code: 'too-few-examples',
      message: expect.stringContaining(message) as string,
    });
  });

  it('takes only features and heads that fit', () => {
    const trainer = new HeadTrainer(head);
    expect(() => trainer.addExample('a', new Float32Array(5))).toThrow('has 5 features, this model’s head takes 24');
    expect(() => trainer.addExample('a', new Float32Array(featDim).fill(NaN))).toThrow('not finite');
    expect(() => new HeadTrainer({ ...head, embedDim: 9 })).toThrow('has 225 values, not 200');
  });

  it('says so when it diverges, and keeps the head that it had', async () => {
    const trainer = trainerOf(examples, { lr: 1e38 });
    await expect(trainer.train()).rejects.toMatchObject({ code: 'diverged' });
    expect(trainer.apply(examples[0]!.features).every(Number.isFinite)).toBe(true);
    await trainer.dispose();
  });
});
