import { mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  linkFolder,
  recoverFolder,
  requireReplaceable,
  swapFolder,
  writeFolder,
} from '../../../src/runner/base/replace-folder.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'dws-replace-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const at = (...names: string[]) => path.join(root, ...names);
const write = async (folder: string, text: string) => {
  await mkdir(at(folder), { recursive: true });
  await writeFile(at(folder, 'file'), text);
};
const read = (folder: string) => readFile(at(folder, 'file'), 'utf8');

it('a folder takes the name of another, of which nothing is left', async () => {
  await write('old', 'old');
  await write('fresh', 'new');
  await swapFolder(at('fresh'), at('old'));
  expect([await read('old'), await readdir(root)]).toEqual(['new', ['old']]);
});

it('what was there has its name again where the new one can’t take it', async () => {
  await write('old', 'old');
  await expect(swapFolder(at('missing'), at('old'))).rejects.toThrow('ENOENT');
  expect([await read('old'), await readdir(root)]).toEqual(['old', ['old']]);
});

it('a folder that a process was replacing when it ended is brought back at the next start', async () => {
  await write('site', 'old');
  // What the first of the two renames leaves.
  await rename(at('site'), at('site.replaced.0123456789ab.tmp'));
  await write('site.ba9876543210.tmp', 'half');
  await requireReplaceable(at('site'), ['file']);
  expect(await read('site')).toBe('old');
  expect(await recoverFolder(at('site'))).toBe(false);
});

it('an older folder that a process could not remove any more goes at the next start', async () => {
  await write('site', 'new');
  await write('site.replaced.0123456789ab.tmp', 'old');
  expect(await recoverFolder(at('site'))).toBe(false);
  expect([await read('site'), await readdir(root)]).toEqual(['new', ['site']]);
});

it.runIf(process.platform !== 'win32')(
  'a link stays, and the folder that it leads to is replaced, also one that is not there yet',
  async () => {
    await write('disk/real', 'old');
    await symlink('disk/real', at('link'));
    await symlink('disk/new', at('dangling'));
    await requireReplaceable(at('link'), ['file']);
    await requireReplaceable(at('dangling'), ['file']);
    const files = new Map([['file', new TextEncoder().encode('new')]]);
    await writeFolder(at('link'), files);
    await writeFolder(`${at('dangling')}/`, files);
    expect([await readlink(at('link')), await readlink(at('dangling'))]).toEqual(['disk/real', 'disk/new']);
    expect([await read('disk/real'), await read('disk/new')]).toEqual(['new', 'new']);
    expect([await readdir(root), await readdir(at('disk'))]).toEqual([
      ['dangling', 'disk', 'link'],
      ['new', 'real'],
    ]);
    // What a process left that ended between its two renames.
    await rename(at('disk/real'), at('disk/real.replaced.0123456789ab.tmp'));
    expect(await recoverFolder(at('link'))).toBe(true);
    expect(await read('link')).toBe('new');
  },
);

it('folders of other names stay', async () => {
  for (const name of ['site-2.replaced.0123456789ab.tmp', 'site.replaced.mine', 'site.replaced.0123456789ab.tmp.txt'])
    await write(name, 'mine');
  await writeFolder(at('site'), new Map([['file', new TextEncoder().encode('new')]]));
  expect(await readdir(root)).toHaveLength(4);
});

it('files are linked with their folders, and outlive the first', async () => {
  await write('old/thumbs', 'small');
  await linkFolder(at('old'), at('new'));
  await rm(at('old'), { recursive: true });
  expect(await read('new/thumbs')).toBe('small');
});
