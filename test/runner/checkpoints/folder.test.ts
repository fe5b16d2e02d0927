import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointFolder } from '../../../src/runner/checkpoints/folder.js';
import { loadCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { smallCheckpoint } from './small-checkpoint.js';

let root: string;
let out: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'dws-folder-'));
  out = join(root, 'run');
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** Saves the checkpoint after `epoch` epochs of ten steps, its state told by the epoch. */
function save(folder: CheckpointFolder, epoch: number, recall: number | null, epochStep = 0): Promise<boolean> {
  const { metadata, ...content } = smallCheckpoint({ offset: 100 * epoch });
  return folder.save({ ...content, metadata: { ...metadata, epoch, epochStep, step: 10 * epoch + epochStep } }, recall);
}

const stepOf = async (path: string): Promise<number> => (await loadCheckpoint(path)).metadata.step;

describe('CheckpointFolder', () => {
  it('keeps the last and the best by Recall@1; of equal ones the earlier', async () => {
    const folder = await CheckpointFolder.open(out, { keep: 0 });
    expect(await save(folder, 1, 0.25)).toBe(true);
    expect(await save(folder, 2, 0.5)).toBe(true);
    expect(await save(folder, 3, 0.5)).toBe(false);
    expect(await save(folder, 4, null)).toBe(false);
    expect((await readdir(out)).sort()).toEqual(['best.safetensors', 'checkpoint.safetensors']);
    expect(await stepOf(folder.lastPath)).toBe(40);
    expect(await stepOf(folder.bestPath)).toBe(20);
    expect((await loadCheckpoint(folder.lastPath)).metadata.best).toEqual({ step: 20, recall: 0.5 });
    expect((await loadCheckpoint(folder.bestPath)).state.params![0]).toBe(200);
  });

  it('takes a Recall@1 of 0 for the best when it is the first', async () => {
    const folder = await CheckpointFolder.open(out, { keep: 0 });
    expect(await save(folder, 1, 0)).toBe(true);
  });

  it('keeps the last finished epochs and drops earlier ones', async () => {
    const folder = await CheckpointFolder.open(out, { keep: 2 });
    for (const epoch of [1, 2, 3]) await save(folder, epoch, null);
    await save(folder, 3, null, 5);
    expect((await readdir(out)).sort()).toEqual([
      'checkpoint-epoch-0002.safetensors',
      'checkpoint-epoch-0003.safetensors',
      'checkpoint.safetensors',
    ]);
    expect(await stepOf(join(out, 'checkpoint-epoch-0003.safetensors'))).toBe(30);
    expect(await stepOf(folder.lastPath)).toBe(35);
  });

  it("leaves later epochs and the user's files alone", async () => {
    await mkdir(out);
    const others = ['checkpoint-epoch-0009.safetensors', 'checkpoint-epoch-1.safetensors.txt', 'notes.tmp'];
    for (const name of others) await writeFile(join(out, name), '');
    const folder = await CheckpointFolder.open(out, { keep: 1 });
    await save(folder, 5, null);
    expect(await readdir(out)).toEqual(expect.arrayContaining(others));
  });

  it('removes the temporary files of a killed run', async () => {
    await mkdir(out);
    await writeFile(join(out, 'checkpoint.safetensors.0123456789ab.tmp'), '');
    await CheckpointFolder.open(out, { keep: 0 });
    expect(await readdir(out)).toEqual([]);
  });

  it('goes on with the best of the resumed checkpoint, to the same bytes as a run that did not stop', async () => {
    const whole = await CheckpointFolder.open(join(root, 'whole'), { keep: 0 });
    for (const [index, recall] of [0.5, 0.25, 0.75].entries()) await save(whole, index + 1, recall);

    const first = await CheckpointFolder.open(out, { keep: 0 });
    for (const [index, recall] of [0.5, 0.25].entries()) await save(first, index + 1, recall);
    const second = await CheckpointFolder.open(out, { keep: 0, resumed: await loadCheckpoint(first.lastPath) });
    expect(await stepOf(second.bestPath)).toBe(10);
    await save(second, 3, 0.75);
    expect(await readFile(second.lastPath)).toEqual(await readFile(whole.lastPath));
    expect(await readFile(second.bestPath)).toEqual(await readFile(whole.bestPath));
  });

  it('brings the best along when a run is resumed into another folder', async () => {
    const first = await CheckpointFolder.open(out, { keep: 0 });
    await save(first, 1, 0.5);
    const atBest = await loadCheckpoint(first.lastPath);
    await save(first, 2, 0.25);
    const later = await loadCheckpoint(first.lastPath);

    const another = await CheckpointFolder.open(join(root, 'another'), { keep: 0, resumed: later });
    expect(await stepOf(another.bestPath)).toBe(10);
    const third = await CheckpointFolder.open(join(root, 'third'), {
      keep: 0,
      resumed: { ...atBest, path: first.bestPath },
    });
    expect(await stepOf(third.bestPath)).toBe(10);
  });

  it('puts a prefix before each name, and counts and finds only files that have it', async () => {
    const other = await CheckpointFolder.open(out, { keep: 1 });
    await save(other, 1, 0.25);
    const first = await CheckpointFolder.open(out, { keep: 1, prefix: 'a-' });
    for (const [index, recall] of [0.5, 0.25].entries()) await save(first, index + 1, recall);
    expect((await readdir(out)).sort()).toEqual([
      'a-best.safetensors',
      'a-checkpoint-epoch-0002.safetensors',
      'a-checkpoint.safetensors',
      'best.safetensors',
      'checkpoint-epoch-0001.safetensors',
      'checkpoint.safetensors',
    ]);
    const resumed = await loadCheckpoint(first.lastPath);
    const second = await CheckpointFolder.open(join(root, 'another'), { keep: 0, prefix: 'b-', resumed });
    expect((await loadCheckpoint(second.bestPath)).state.params![0]).toBe(100);
    await expect(CheckpointFolder.open(out, { keep: 0, prefix: 'x/y' })).rejects.toThrow("the prefix 'x/y'");
  });

  it('does not take a best of another attempt for its own', async () => {
    const first = await CheckpointFolder.open(out, { keep: 2 });
    await save(first, 1, 0.5);
    await save(first, 2, 0.25);
    await save(first, 3, 0.75);
    const early = await loadCheckpoint(join(out, 'checkpoint-epoch-0002.safetensors'));
    await CheckpointFolder.open(join(root, 'another'), { keep: 0, resumed: early });
    expect(await readdir(join(root, 'another'))).toEqual([]);
  });

  it('mends a best that a crash kept from being linked', async () => {
    const first = await CheckpointFolder.open(out, { keep: 0 });
    await save(first, 1, 0.5);
    await rm(first.bestPath);
    await CheckpointFolder.open(out, { keep: 0, resumed: await loadCheckpoint(first.lastPath) });
    expect(await stepOf(first.bestPath)).toBe(10);
  });

  it("mends an epoch's file that a crash kept from being linked, and drops the one that is too old then", async () => {
    const first = await CheckpointFolder.open(out, { keep: 1 });
    await save(first, 1, 0.5);
    const old = join(out, 'checkpoint-epoch-0001.safetensors');
    const before = await readFile(old);
    await save(first, 2, 0.25);
    const whole = await readFile(first.lastPath);
    const epoch = join(out, 'checkpoint-epoch-0002.safetensors');
    await rm(epoch);
    await writeFile(old, before);
    await CheckpointFolder.open(out, { keep: 1, resumed: await loadCheckpoint(first.lastPath) });
    expect(await readFile(epoch)).toEqual(whole);
    expect((await readdir(out)).sort()).toEqual([
      'best.safetensors',
      'checkpoint-epoch-0002.safetensors',
      'checkpoint.safetensors',
    ]);
  });

  it.each(['removed', 'damaged'])(
    'has a last one again when it was %s and the run goes on from another',
    async (what) => {
      const before = await CheckpointFolder.open(out, { keep: 1 });
      await save(before, 1, 0.25);
      const whole = await readFile(before.lastPath);
      await (what === 'removed' ? rm(before.lastPath) : truncate(before.lastPath, 100));
      // The epoch's file is a link to the last one: what is damaged in place is damaged in both.
      const epoch = join(out, 'checkpoint-epoch-0001.safetensors');
      await rm(epoch);
      await writeFile(epoch, whole);
      await CheckpointFolder.open(out, { keep: 1, resumed: await loadCheckpoint(epoch) });
      expect(await readFile(before.lastPath)).toEqual(whole);
    },
  );

  it('leaves a whole last one alone when a run goes on from an earlier one', async () => {
    const before = await CheckpointFolder.open(out, { keep: 2 });
    for (const epoch of [1, 2]) await save(before, epoch, null);
    const resumed = await loadCheckpoint(join(out, 'checkpoint-epoch-0001.safetensors'));
    await CheckpointFolder.open(out, { keep: 2, resumed });
    expect(await stepOf(before.lastPath)).toBe(20);
  });

  it('names an output folder that cannot be written to', async () => {
    await writeFile(out, '');
    await expect(CheckpointFolder.open(out, { keep: 0 })).rejects.toThrow(`can't write to the folder ${out}`);
  });
});
