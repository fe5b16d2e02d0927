import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { MetricsWriter, missingSteps, readMetrics } from '../../../src/runner/training/metrics-file.js';
import type { EvalMetrics, MetricsStart, StepMetrics } from '../../../src/runner/training/metrics-file.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dws-metrics-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const step = (number: number, loss: number | null = 0.5): StepMetrics => ({
  kind: 'step',
  epoch: Math.floor((number - 1) / 2),
  step: number,
  loss,
  pairs: 12,
  lr: 1e-4,
  lr_beta: 0.1,
  step_seconds: 0.25,
  data_seconds: 0,
});

const evaluation = (number: number): EvalMetrics => ({
  kind: 'eval',
  epoch: number / 2 - 1,
  step: number,
  recall: { 1: 0.25, 2: 0.5 },
});

async function record(...batches: (StepMetrics | EvalMetrics)[][]): Promise<void> {
  const writer = await MetricsWriter.open(path);
  for (const batch of batches) await writer.write(batch);
  await writer.close();
}

describe('MetricsWriter', () => {
  it('writes a line of JSON for each record, readable at once', async () => {
    const writer = await MetricsWriter.open(path);
    await writer.write([step(1), step(2)]);
    expect(await readMetrics(path)).toEqual([step(1), step(2)]);
    await writer.write([evaluation(2)]);
    await writer.close();
    expect(await readMetrics(path)).toEqual([step(1), step(2), evaluation(2)]);
    expect((await readFile(path, 'utf8')).split('\n')[2]).toBe(
      '{"kind":"eval","epoch":0,"step":2,"recall":{"1":0.25,"2":0.5}}',
    );
  });

  it('writes a loss that is not finite as null', async () => {
    await record([step(1, NaN)]);
    expect(await readMetrics(path)).toEqual([step(1, null)]);
  });

  it('begins anew for a new run', async () => {
    await record([step(1), step(2)]);
    await record([step(1)]);
    expect(await readMetrics(path)).toEqual([step(1)]);
  });

  it('cuts what came after the checkpoint when a run is resumed, torn line included', async () => {
    await record([step(1), step(2), evaluation(2), step(3), step(4), evaluation(4), step(5)]);
    await writeFile(path, '{"kind":"step","epo', { flag: 'a' });
    const writer = await MetricsWriter.open(path, { step: 4 });
    await writer.write([step(5), step(6)]);
    await writer.close();
    expect(await readMetrics(path)).toEqual([
      ...[step(1), step(2), evaluation(2), step(3), step(4), evaluation(4), step(5), step(6)],
    ]);
  });

  it('says which steps are missing when a run goes on in its folder, and not elsewhere', async () => {
    await record([step(1), step(2), step(4), evaluation(4), step(5), step(8)]);
    const before = await readFile(path);
    const notesOf = async (start: Omit<MetricsStart, 'onNote'>) => {
      await writeFile(path, before);
      const notes: string[] = [];
      await (await MetricsWriter.open(path, { ...start, onNote: (message) => notes.push(message) })).close();
      return notes;
    };
    const told = (steps: string) => [
      `${path} lacks steps that the checkpoint has, as after a power cut: ${steps}. They are not made again.`,
    ];
    expect(await notesOf({ step: 10, goesOnHere: true })).toEqual(told('3, 6 to 7, 9 to 10'));
    expect(await notesOf({ step: 5, goesOnHere: true })).toEqual(told('3'));
    expect(await notesOf({ step: 2, goesOnHere: true })).toEqual([]);
    expect(await notesOf({ step: 10 })).toEqual([]);
  });

  it('takes a run that began elsewhere for whole from its first step on', () => {
    expect(missingSteps([step(7), step(8)], 8)).toEqual([]);
    expect(missingSteps([], 2)).toEqual(['1 to 2']);
  });

  it('starts an empty file when a run is resumed elsewhere', async () => {
    const writer = await MetricsWriter.open(path, { step: 4 });
    await writer.close();
    expect(await readMetrics(path)).toEqual([]);
  });

  it('names the path when it cannot be written', async () => {
    const missing = join(folder, 'none', 'metrics.jsonl');
    await expect(MetricsWriter.open(missing)).rejects.toThrow(`can't write ${missing}: no such file or folder`);
  });
});

describe('readMetrics', () => {
  it('leaves out a last line that a crash has torn', async () => {
    await record([step(1)]);
    await writeFile(path, '{"kind":"step","epo', { flag: 'a' });
    expect(await readMetrics(path)).toEqual([step(1)]);
  });

  it('names the file and the line of a damage before the last', async () => {
    await record([step(1)]);
    await writeFile(path, '{"kind":"st\n{}\n', { flag: 'a' });
    await expect(readMetrics(path)).rejects.toThrow(new RegExp(`^${path} is damaged: line 2 `));
  });

  it('names a missing file', async () => {
    await expect(readMetrics(path)).rejects.toThrow(UserError);
    await expect(readMetrics(path)).rejects.toThrow(path);
  });
});
