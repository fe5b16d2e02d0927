import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { inTemporaryFolder } from '../../../src/runner/base/temporary-folder.js';
import { tagOf, thisProcess } from '../../../src/runner/base/process-identity.js';

const name = `dws-test-folder-${process.pid}`;
const there = async () => (await readdir(tmpdir())).filter((entry) => entry.startsWith(name));

it('is there while it is worked in, and gone afterwards, also after an error', async () => {
  const folder = await inTemporaryFolder(name, (made) => Promise.resolve(existsSync(made) && made));
  expect(folder).toContain(path.join(tmpdir(), name));
  await expect(inTemporaryFolder(name, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await there()).toEqual([]);
});

it('takes away what a killed process has left, and nothing that one works in', async () => {
  const process_ = thisProcess();
  const left = path.join(tmpdir(), `${name}.${tagOf({ ...process_, pid: 2 ** 22 - 1 })}00000000.tmp`);
  await mkdir(left);
  try {
    await inTemporaryFolder(name, async (outer) => {
      expect(existsSync(left)).toBe(false);
      await inTemporaryFolder(name, () => Promise.resolve());
      expect(existsSync(outer)).toBe(true);
    });
  } finally {
    await rm(left, { recursive: true, force: true });
  }
});
