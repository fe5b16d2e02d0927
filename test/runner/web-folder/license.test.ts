import { execFileSync } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { findLicense } from '../../../src/runner/web-folder/license.js';
import { temporaryFolder, writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

it('the licence of images is that which lies in their folder, by a link inside of it too', async () => {
  await writeFiles(at('a'), { 'docs/terms': 'free' });
  await symlink('docs/terms', at('a', 'LICENSE'));
  expect(await findLicense(at('a'))).toEqual({ license: { file: 'LICENSE', text: 'free' }, notes: [] });
  expect(await findLicense(at('nowhere'))).toEqual({ notes: [] });
});

it('a licence that is a link out of the folder, or no file, is told and not read', async () => {
  await writeFile(at('secret'), 'key');
  await writeFiles(at('b'), { 'x/y': '' });
  await symlink('../secret', at('b', 'LICENSE'));
  await symlink('nothing', at('b', 'LICENSE.md'));
  execFileSync('mkfifo', [at('b', 'LICENSE.txt')]);
  const { license, notes } = await findLicense(at('b'));
  expect(license).toBeUndefined();
  expect(notes).toEqual([
    expect.stringMatching(/LICENSE\.md is a link to nothing: it is not copied/),
    expect.stringMatching(/LICENSE\.txt: it is a pipe or a device.*not copied/),
    expect.stringMatching(/LICENSE is a link that leads out of the folder of the images: it is not copied/),
  ]);
});
