import { spawnSync } from 'node:child_process';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { writeFileAtomic } from '../../../src/runner/base/files.js';
import { tagOf, thisProcess } from '../../../src/runner/base/process-identity.js';
import { recoverFolder } from '../../../src/runner/base/replace-folder.js';
import {
  finalName,
  isTemporaryFile,
  removeLeftovers,
  temporaryName,
} from '../../../src/runner/base/temporary-names.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

/** Of a process that has ended. */
const ended = { ...thisProcess(), pid: spawnSync('true').pid };
const leftBy = (name: string, identity: Partial<ReturnType<typeof thisProcess>> = {}) =>
  `${name}.${tagOf({ ...ended, ...identity })}01234567.tmp`;
const write = (...names: string[]) => Promise.all(names.map((name) => writeFile(at(name), 'half')));
const longAgo = new Date(2001, 1, 1);

it('a temporary name tells the final one, and is told from others', () => {
  expect(finalName(temporaryName('data.pack'))).toBe('data.pack');
  expect(isTemporaryFile(leftBy('data.pack'))).toBe(true);
  expect(isTemporaryFile('best.safetensors.0123456789ab.tmp')).toBe(true);
  for (const name of ['notes.tmp', 'notes.0123.tmp', `${leftBy('a')}.txt`]) expect(finalName(name)).toBeUndefined();
});

it('what an ended process has left goes, a folder too, and what another one may be writing stays', async () => {
  const others = [
    temporaryName('data.pack'),
    leftBy('data.pack', { host: 'another', pid: 1 }),
    leftBy('data.pack', { world: 'another container' }),
    leftBy('other.pack'),
    'data.pack.0123456789ab.tmp',
    'data.pack',
  ];
  await write(leftBy('data.pack'), ...others.map((name) => path.basename(name)));
  await mkdir(at(leftBy('data.pack', { began: 'before' })));
  await removeLeftovers(at('data.pack'));
  expect((await readdir(folder.path)).sort()).toEqual(others.sort());
});

it.runIf(process.platform === 'linux')(
  'a number that was given to another process is not taken for the writer',
  async () => {
    const left = leftBy('again', { pid: process.pid, began: '1' });
    await write(left);
    await removeLeftovers(at('again'));
    expect(await readdir(folder.path)).not.toContain(left);
  },
);

it('what was left before the machine was started goes', async () => {
  const left = leftBy('boot', { world: 'another-boot pid:[1]' });
  await write(left);
  await removeLeftovers(at('boot'));
  expect(await readdir(folder.path)).toContain(left);
  await utimes(at(left), longAgo, longAgo);
  await removeLeftovers(at('boot'));
  expect(await readdir(folder.path)).not.toContain(left);
});

it('writing an output, or preparing a folder, removes what was left of it', async () => {
  await write(leftBy('model.onnx'));
  await mkdir(at(leftBy('site')));
  await writeFileAtomic(at('model.onnx'), 'whole');
  await recoverFolder(at('site'));
  const names = await readdir(folder.path);
  expect(names).not.toContain(leftBy('model.onnx'));
  expect(names).not.toContain(leftBy('site'));
});

it('nothing is wrong with a folder that is not there', async () => {
  await removeLeftovers(at('nowhere', 'file'));
});
