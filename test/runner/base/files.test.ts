import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import {
  ensureWritableFolder,
  fileError,
  linkFileAtomic,
  makingFolder,
  readWholeFile,
  writeFileAtomic,
} from '../../../src/runner/base/files.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dws-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('makingFolder', () => {
  const target = () => join(folder, 'a', 'b');
  const failing = (fill: () => Promise<unknown>) =>
    makingFolder(target(), async () => {
      await ensureWritableFolder(target());
      await fill();
      throw new Error('half-way');
    });

  it('leaves no folder behind that was made for an output which failed', async () => {
    await expect(failing(() => Promise.resolve())).rejects.toThrow('half-way');
    expect(await readdir(folder)).toEqual([]);
  });

  it('keeps folders that were there, and those that somebody has put something into', async () => {
    await mkdir(join(folder, 'a'));
    await expect(failing(() => Promise.resolve())).rejects.toThrow('half-way');
    expect(await readdir(folder)).toEqual(['a']);
    await expect(failing(() => writeFile(join(target(), 'x'), ''))).rejects.toThrow('half-way');
    expect(await readdir(target())).toEqual(['x']);
  });

  it('keeps what is made where nothing fails', async () => {
    expect(await makingFolder(target(), () => mkdir(target(), { recursive: true }).then(() => 7))).toBe(7);
    expect(await readdir(join(folder, 'a'))).toEqual(['b']);
  });
});

describe('writeFileAtomic', () => {
  it('writes text, bytes and chunks, and replaces what was there', async () => {
    const path = join(folder, 'file');
    await writeFileAtomic(path, 'é');
    expect([...(await readFile(path))]).toEqual([0xc3, 0xa9]);
    await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    await writeFileAtomic(path, [Uint8Array.of(4), new Uint8Array(0), Uint8Array.of(5, 6)]);
    expect([...(await readFile(path))]).toEqual([4, 5, 6]);
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('keeps the old file and leaves no temporary one when the content fails half-way', async () => {
    const path = join(folder, 'file');
    await writeFileAtomic(path, 'old');
    function* chunks(): Generator<Uint8Array> {
      yield Uint8Array.of(1);
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    }
    await expect(writeFileAtomic(path, chunks())).rejects.toThrow(`can't write ${path}: the disk is full`);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('names the path and the reason when the folder is missing or the name is taken by a folder', async () => {
    const missing = join(folder, 'none', 'file');
    await expect(writeFileAtomic(missing, '')).rejects.toThrow(
      new UserError(`can't write ${missing}: no such file or folder; check the path (ENOENT)`),
    );
    const taken = join(folder, 'taken');
    await mkdir(taken);
    await expect(writeFileAtomic(taken, '')).rejects.toThrow(`can't write ${taken}: it is a folder`);
    expect(await readdir(folder)).toEqual(['taken']);
  });
});

describe('linkFileAtomic', () => {
  it('gives a second name that outlives the replacement of the first', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    await writeFileAtomic(a, 'one');
    await writeFileAtomic(b, 'old');
    await linkFileAtomic(a, b);
    await writeFileAtomic(a, 'two');
    expect([await readFile(a, 'utf8'), await readFile(b, 'utf8')]).toEqual(['two', 'one']);
  });

  it('leaves no temporary file when both names were one file already', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    await writeFileAtomic(a, 'one');
    await linkFileAtomic(a, b);
    await linkFileAtomic(a, b);
    expect((await readdir(folder)).sort()).toEqual(['a', 'b']);
  });

  it.skipIf(process.platform === 'win32')('links what a symbolic link points to', async () => {
    await writeFileAtomic(join(folder, 'a'), 'one');
    await symlink('a', join(folder, 'link'));
    await linkFileAtomic(join(folder, 'link'), join(folder, 'b'));
    await rm(join(folder, 'a'));
    expect(await readFile(join(folder, 'b'), 'utf8')).toBe('one');
  });

  it('names the path when the source is missing', async () => {
    await expect(linkFileAtomic(join(folder, 'none'), join(folder, 'b'))).rejects.toThrow(UserError);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('readWholeFile', () => {
  it('reads into memory of its own', async () => {
    await writeFile(join(folder, 'file'), Uint8Array.of(1, 2, 3));
    const bytes = await readWholeFile(join(folder, 'file'));
    expect([...bytes]).toEqual([1, 2, 3]);
    expect(bytes.byteOffset).toBe(0);
  });

  it('names the path and the reason', async () => {
    const missing = join(folder, 'none');
    await expect(readWholeFile(missing)).rejects.toThrow(`can't read ${missing}: no such file`);
    await expect(readWholeFile(folder)).rejects.toThrow(`can't read ${folder}: it is a folder`);
  });
});

describe('ensureWritableFolder', () => {
  it('creates a folder with its parents and leaves it empty', async () => {
    const path = join(folder, 'a', 'b');
    await ensureWritableFolder(path);
    await ensureWritableFolder(path);
    expect((await stat(path)).isDirectory()).toBe(true);
    expect(await readdir(path)).toEqual([]);
  });

  it('names the path and the reason when a file is in the way', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(ensureWritableFolder(file)).rejects.toThrow(
      `can't write to the folder ${file}: what has that name is no folder`,
    );
    await expect(ensureWritableFolder(join(file, 'a'))).rejects.toThrow(UserError);
  });

  it('says that a file system is read-only, whatever is missing there', async ({ skip }) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', folder], { stdio: 'pipe' });
    } catch {
      skip('no file system can be mounted here; root can');
    }
    try {
      await expect(ensureWritableFolder(join(folder, 'a', 'b'))).rejects.toThrow('the file system is read-only');
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});

describe('fileError', () => {
  it.each(['EACCES', 'ENOSPC', 'EROFS', 'ENOENT', 'EDQUOT'])('explains %s', (code) => {
    const error = fileError("can't write x", Object.assign(new Error('raw'), { code }));
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(new RegExp(`^can't write x: .*; .* \\(${code}\\)$`));
  });

  it('passes other reasons on, and errors for the user as they are', () => {
    expect(fileError("can't write x", new Error('raw')).message).toBe("can't write x: raw");
    const known = new UserError('known');
    expect(fileError("can't write x", known)).toBe(known);
  });
});
