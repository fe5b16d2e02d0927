import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { setAside, tryCheckpoint } from '../../../src/runner/checkpoints/damage.js';
import { CheckpointFolder } from '../../../src/runner/checkpoints/folder.js';
import { requireFreshFolder } from '../../../src/runner/checkpoints/fresh-folder.js';
import { isLeftover } from '../../../src/runner/checkpoints/names.js';
import { newestCheckpoint } from '../../../src/runner/checkpoints/newest.js';
import { temporaryFolder } from '../data/images.js';
import { smallCheckpoint } from './small-checkpoint.js';

const folder = temporaryFolder();
const out = () => path.join(folder.path, 'run');
const at = (name: string) => path.join(out(), name);
const LAST = 'checkpoint.safetensors';

beforeEach(async () => {
  await rm(out(), { recursive: true, force: true });
  await mkdir(out());
});

it('a file is whole, damaged or not there', async () => {
  await saveCheckpoint(at(LAST), smallCheckpoint());
  await writeFile(at('best.safetensors'), 'half');
  expect((await tryCheckpoint(at(LAST))).checkpoint?.metadata.step).toBe(30);
  expect((await tryCheckpoint(at('best.safetensors'))).damage).toMatch(/best\.safetensors is damaged/);
  expect(await tryCheckpoint(at('none.safetensors'))).toEqual({});
});

it.runIf(process.platform !== 'win32')(
  'one that can’t be read just now is none of these: a run never begins anew over it',
  async () => {
    // Too many links are an error of the system, as a failing disk or network is.
    await symlink(LAST, at(LAST));
    await expect(tryCheckpoint(at(LAST))).rejects.toThrow(/can't read .*ELOOP/);
    await expect(newestCheckpoint(out())).rejects.toThrow(/can't read/);
    await expect(CheckpointFolder.open(out(), { keep: 0 })).rejects.toThrow(/can't read/);
    expect(await readdir(out())).toEqual([LAST]);
  },
);

it('a damaged file gets a name that nothing has', async () => {
  const names: string[] = [];
  for (let i = 0; i < 3; i++) {
    await writeFile(at(LAST), 'half');
    names.push(path.basename(await setAside(at(LAST))));
  }
  expect(names).toEqual([`${LAST}.damaged`, `${LAST}.damaged-2`, `${LAST}.damaged-3`]);
});

it('the damaged last and best checkpoints of a folder are set aside before anything takes their names', async () => {
  for (const name of [LAST, 'best.safetensors']) await writeFile(at(name), 'half');
  const opened = await CheckpointFolder.open(out(), { keep: 0 });
  expect(opened.setAside.map(({ aside }) => path.basename(aside))).toEqual([
    `${LAST}.damaged`,
    'best.safetensors.damaged',
  ]);
});

it('an epoch’s damaged file is set aside when the run comes to its name again', async () => {
  const opened = await CheckpointFolder.open(out(), { keep: 2 });
  await writeFile(at('checkpoint-epoch-0003.safetensors'), 'half');
  await opened.save(smallCheckpoint(), null);
  expect(await readdir(out())).toContain('checkpoint-epoch-0003.safetensors.damaged');
});

it('a run from the start does not replace a whole checkpoint that has come meanwhile', async () => {
  await saveCheckpoint(at(LAST), smallCheckpoint());
  await expect(CheckpointFolder.open(out(), { keep: 0 })).rejects.toThrow(
    /checkpoint\.safetensors was written by another training since this one was asked for/,
  );
});

it('a checkpoint is not saved where another process has the folder', async () => {
  let isHeld = true;
  const requireHeld = async () => {
    if (!isHeld) throw new Error('taken over');
  };
  const opened = await CheckpointFolder.open(out(), { keep: 0, requireHeld });
  await opened.save(smallCheckpoint(), null);
  isHeld = false;
  await expect(opened.save(smallCheckpoint({ offset: 1 }), null)).rejects.toThrow('taken over');
  expect((await tryCheckpoint(at(LAST))).checkpoint?.state['params']![0]).toBe(0);
});

it('a folder is no fresh one while any checkpoint of the prefix is there', async () => {
  await requireFreshFolder(out(), '');
  await saveCheckpoint(at('best.safetensors'), smallCheckpoint());
  await expect(requireFreshFolder(out(), '')).rejects.toThrow(
    /run holds a training already \(best\.safetensors\)\. Go on/,
  );
  await requireFreshFolder(out(), 'my-');
  await rename(at('best.safetensors'), at('my-best.safetensors'));
  await requireFreshFolder(out(), '');
});

it('only half-written files of a run’s own names are left over from it', () => {
  const rest = '.0123456789ab.tmp';
  for (const name of [LAST, 'checkpoint-epoch-0012.safetensors', 'metrics.jsonl', 'run.json', 'data.jsonl', 'run.lock'])
    expect(isLeftover(name + rest)).toBe(true);
  for (const name of [`run1-${LAST}${rest}`, `best-of-all.png${rest}`, `data.csv${rest}`, LAST, 'checkpoint.tmp'])
    expect(isLeftover(name)).toBe(false);
});
