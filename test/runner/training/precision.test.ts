import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeNetwork } from '../../../src/graph/step/describe.js';
import { loadCheckpoint, saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import type { TrainEvent } from '../../../src/runner/training/events.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const run = (out: string) => ({ dataPath: at('data'), out: at(out), precision: 'fp16' as const, lr: 1e-3 });
const checkpointOf = (name: string) => at(name, 'checkpoint.safetensors');
const notesOf = (events: readonly TrainEvent[]) =>
  events.flatMap((event) => (event.kind === 'note' ? [event.message] : []));
const stepsOf = async (name: string) =>
  (await readMetrics(at(name, 'metrics.jsonl'))).flatMap((line) => (line.kind === 'step' ? [line] : []));

beforeAll(() => writeImageFolder(at('data')));

describe('a training in mixed precision', () => {
  it('writes the scale of each loss, and resumes to the same bytes', async () => {
    await trainSmall({ ...run('whole'), epochs: 2 });
    await trainSmall({ ...run('half'), epochs: 1 });
    await trainSmall({ ...run('half'), epochs: 2, resume: checkpointOf('half') });
    const [whole, half] = await Promise.all(['whole', 'half'].map((name) => readFile(checkpointOf(name))));
    expect(whole!.equals(half!)).toBe(true);
    const steps = await stepsOf('whole');
    const after = (i: number) => steps[i]!.loss_scale! * (steps[i]!.skipped ? 0.5 : 1);
    expect(steps.map(({ loss_scale: scale }) => scale)).toEqual([65536, after(0), after(1), after(2)]);
    const { metadata, state } = await loadCheckpoint(checkpointOf('whole'));
    expect(metadata.options.precision).toBe('fp16');
    expect(state['loss_scale']![0]).toBe(after(3));
    const skipped = steps.filter((line) => line.skipped).length;
    expect(steps.at(-1)!.skipped_steps).toBe(skipped);
    expect(metadata.leftOut).toEqual({ overflow: skipped, notFinite: 0 });
  });

  it('leaves out and tells a step whose gradient overflows, and goes on with a smaller scale', async () => {
    await trainSmall({ ...run('planted'), epochs: 1, batchNum: 1 });
    const { metadata, state } = await loadCheckpoint(checkpointOf('planted'));
    state['loss_scale']!.set([2 ** 40, 0]);
    const position = { epoch: 0, epochStep: 0, step: 1, best: null, leftOut: { overflow: 0, notFinite: 1 } };
    await saveCheckpoint(at('planted.safetensors'), {
      layout: describeNetwork(metadata.options),
      state,
      metadata: { ...metadata, ...position },
    });
    const resume = at('planted.safetensors');
    // More of them in a row than a training is allowed whose loss is not finite.
    const { events, status, leftOut } = await trainSmall({ ...run('planted-on'), epochs: 1, batchNum: 30, resume });
    expect(status).toBe('done');
    expect(notesOf(events)).toContainEqual(expect.stringMatching(/^--precision fp16 on the CPU .* slower/));
    const steps = await stepsOf('planted-on');
    const skipped = steps.filter((line) => line.skipped);
    expect(skipped.length).toBeGreaterThan(20);
    expect(skipped.map(({ loss_scale: scale }) => scale)).toEqual(skipped.map((_, i) => 2 ** (40 - i)));
    expect(steps.at(-1)).not.toHaveProperty('skipped');
    // Those before it was resumed are counted too.
    expect(skipped.map((line) => line.skipped_steps)).toEqual(skipped.map((_, i) => 2 + i));
    expect(leftOut).toEqual({ overflow: skipped.length, notFinite: 1 });
    const lastTold = events.flatMap((event) => (event.kind === 'steps' ? [event.scaling] : [])).at(-1);
    expect(lastTold).toEqual({ lossScale: steps.at(-1)!.loss_scale, leftOut: 1 + skipped.length });
    expect(steps.every(({ loss }) => loss !== null)).toBe(true);
    const told = notesOf(events).filter((message) => message.includes('overflows float16'));
    expect(told).toHaveLength(skipped.length);
    expect(told[0]).toBe(
      'step 2 (epoch 0) is left out: its gradient, scaled by 1099511627776, overflows float16; by 549755813888 from now on',
    );
  });

  it('ends where a loss is beyond float16, with the way out', async () => {
    await trainSmall({ ...run('beyond'), epochs: 1, batchNum: 1 });
    const { metadata, state } = await loadCheckpoint(checkpointOf('beyond'));
    const large = state['params']!.map((value) => value * 1e5);
    const layout = describeNetwork(metadata.options);
    await saveCheckpoint(at('beyond.safetensors'), {
      layout,
      state: { ...state, params: large },
      metadata: { ...metadata, epoch: 0, epochStep: 0, step: 1, best: null },
    });
    const resume = at('beyond.safetensors');
    await expect(trainSmall({ ...run('beyond-on'), epochs: 1, evalEvery: 0, resume })).rejects.toThrow(
      /the loss of step 2 .* is NaN: .* float16 holds numbers up to 65504: --precision fp32 holds more\./,
    );
  });

  it('rolls back to a checkpoint of the other precision', async () => {
    await trainSmall({ ...run('infinite'), precision: 'fp32', epochs: 1, batchNum: 1, lr: 0, lrBeta: 0 });
    const { metadata, state } = await loadCheckpoint(checkpointOf('infinite'));
    // Of each batch that holds one of these, the loss is infinite.
    state['beta']!.fill(3e38);
    await saveCheckpoint(at('infinite.safetensors'), {
      layout: describeNetwork(metadata.options),
      state,
      metadata: { ...metadata, epoch: 0, epochStep: 0, step: 1, best: null },
    });
    const notes: string[] = [];
    const training = trainSmall(
      { ...run('infinite-on'), epochs: 1, nanPolicy: 'rollback', resume: at('infinite.safetensors') },
      (event) => event.kind === 'note' && notes.push(event.message) < 0,
    );
    await expect(training).rejects.toThrow(/the loss of step/);
    expect(notes.join()).toMatch(/back to step 1, with other random numbers/);
  });

  it('goes on from a checkpoint of the other precision, and says so', async () => {
    await trainSmall({ ...run('wide'), precision: 'fp32', epochs: 1 });
    const on = await trainSmall({ ...run('wide'), epochs: 2, resume: checkpointOf('wide') });
    expect(notesOf(on.events).join()).toContain('--precision fp16 (was fp32)');
    expect((await stepsOf('wide')).map(({ loss_scale: scale }) => scale).slice(1, 3)).toEqual([undefined, 65536]);
    const back = await trainSmall({ ...run('wide'), precision: 'fp32', epochs: 3, resume: checkpointOf('wide') });
    expect(notesOf(back.events).join()).toContain('--precision fp32 (was fp16)');
    const { state, metadata } = await loadCheckpoint(checkpointOf('wide'));
    expect(state).not.toHaveProperty('loss_scale');
    // The count outlives the epoch without a scale.
    await trainSmall({ ...run('wide'), epochs: 4, resume: checkpointOf('wide') });
    const steps = await stepsOf('wide');
    const before = steps.slice(0, 6).filter(({ skipped }) => skipped).length;
    expect(before).toBeGreaterThan(0);
    expect(metadata.leftOut).toEqual({ overflow: before, notFinite: 0 });
    expect(steps[6]!.skipped_steps).toBe(before + Number(steps[6]!.skipped ?? false));
  });
});
