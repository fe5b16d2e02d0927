import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ensureWritableFile,
  openToRead,
  readWholeFile,
  writeFileAtomic,
  writeOwnFile,
} from '../../../src/runner/base/files.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dws-destination-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const isPosix = process.platform !== 'win32';
const at = (...names: string[]) => join(folder, ...names);
const pipe = (name: string) => execFileSync('mkfifo', [at(name)]);

describe.runIf(isPosix)('an output that a person has named', () => {
  it('is written behind a link, which stays, also where nothing is there yet', async () => {
    await mkdir(at('disk'));
    await writeFile(at('disk', 'old'), 'old');
    await symlink('disk/old', at('link'));
    await symlink('link', at('link-to-link'));
    await symlink('disk/new', at('dangling'));
    await writeFileAtomic(at('link-to-link'), 'one');
    await writeFileAtomic(at('dangling'), 'two');
    expect([await readFile(at('disk', 'old'), 'utf8'), await readFile(at('disk', 'new'), 'utf8')]).toEqual([
      'one',
      'two',
    ]);
    expect([await readlink(at('link')), await readlink(at('dangling'))]).toEqual(['disk/old', 'disk/new']);
  });

  it('is written where a link leads from the folder that it really lies in', async () => {
    await mkdir(at('disk', 'deep'), { recursive: true });
    await symlink('disk/deep', at('near'));
    await symlink('../file', at('disk', 'deep', 'link'));
    await writeFileAtomic(at('near', 'link'), 'new');
    expect(await readFile(at('disk', 'file'), 'utf8')).toBe('new');
  });

  it('is written into a device, which stays one', async () => {
    await symlink('/dev/null', at('null'));
    await ensureWritableFile('/dev/null');
    for (const name of ['/dev/null', at('null')]) await writeFileAtomic(name, 'nothing');
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it('is written into a pipe that somebody reads from, and refused where nobody does', async () => {
    pipe('pipe');
    await expect(writeFileAtomic(at('pipe'), 'x')).rejects.toThrow(/can't write .*pipe: nothing reads from this pipe/);
    const read = readFile(at('pipe'), 'utf8');
    await new Promise((resolve) => setTimeout(resolve, 200));
    await writeFileAtomic(at('pipe'), 'through');
    expect(await read).toBe('through');
    expect((await stat(at('pipe'))).isFIFO()).toBe(true);
  });

  it('is refused where links lead in a circle', async () => {
    await symlink('b', at('a'));
    await symlink('a', at('b'));
    await expect(writeFileAtomic(at('a'), 'x')).rejects.toThrow(/can't write .*a: links that lead in a circle/);
  });
});

it.runIf(isPosix)("a file of a run's folder takes the place of a link: nothing is written behind it", async () => {
  await writeFile(at('precious'), 'old');
  await symlink('precious', at('checkpoint.safetensors'));
  await writeOwnFile(at('checkpoint.safetensors'), 'new');
  expect([await readFile(at('precious'), 'utf8'), await readFile(at('checkpoint.safetensors'), 'utf8')]).toEqual([
    'old',
    'new',
  ]);
});

it('what is thrown before a file takes its name leaves the old content', async () => {
  await writeFile(at('file'), 'old');
  const refuse = () => Promise.reject(new Error('not ours'));
  await expect(writeOwnFile(at('file'), 'new', refuse)).rejects.toThrow('not ours');
  expect(await readFile(at('file'), 'utf8')).toBe('old');
});

it.runIf(isPosix)('a pipe, a device or a folder in place of a file is told, and not waited for', async () => {
  pipe('pipe');
  await expect(readWholeFile(at('pipe'))).rejects.toThrow(/can't read .*pipe: it is a pipe or a device, not a file/);
  await expect(openToRead('/dev/zero')).rejects.toThrow(/zero: it is a pipe or a device/);
  await expect(openToRead(folder)).rejects.toThrow(/: it is a folder, not a file/);
});
