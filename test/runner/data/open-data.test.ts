import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openImageFolder } from '../../../src/runner/data/folder.js';
import { openData } from '../../../src/runner/data/open-data.js';
import { cubLists, makeFiles, refusal } from '../data-sets/folders.js';
import { temporaryFolder } from './images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

describe('openData', () => {
  it('opens an image folder as openImageFolder does, also with one split', async () => {
    await makeFiles(at('whole'), ['train/a/1.png', 'train/b/1.png', 'val/c/1.png', 'val/c/2.png']);
    for (const split of ['train', 'val'] as const) {
      expect(await openData(at('whole'), split)).toEqual(await openImageFolder(at('whole'), split));
    }
    await makeFiles(at('part'), ['val/c/1.png', 'val/c/2.png']);
    expect((await openData(at('part'), 'val')).images).toHaveLength(2);
    expect(await refusal(at('part'))).toMatch(/has no folder train\/ inside/);
  });

  it('lists what it takes when a folder is missing or of no known kind', async () => {
    await mkdir(at('empty'));
    await writeFile(at('file.txt'), '');
    expect(await refusal(at('nowhere'))).toMatch(
      /data folder .*nowhere does not exist\. Give one of these:\n {2}an image folder: /,
    );
    for (const name of ['empty', 'file.txt']) {
      const message = await refusal(at(name));
      expect(message).toContain('is no data set that is known');
      for (const known of ['train/CLASS/', 'path,label,split', 'images.txt', '196 class folders', 'Ebay_train.txt']) {
        expect(message).toContain(known);
      }
    }
  });

  it('refuses a folder that may be two data sets', async () => {
    const { lists } = cubLists();
    await makeFiles(at('both'), ['images/x', 'train/a/1.png', 'val/a/1.png'], lists);
    expect(await refusal(at('both'))).toMatch(/both may be an image folder and CUB-200-2011\. Move/);
  });

  it('names the data set inside of a folder', async () => {
    await makeFiles(at('around/CUB_200_2011'), ['images/x'], cubLists().lists);
    expect(await refusal(at('around'))).toBe(
      `${at('around')} is no data set, but holds one. Give ${at('around', 'CUB_200_2011')}.`,
    );
  });

  it('refuses splits that nothing can be learnt from, whatever the format', async () => {
    await makeFiles(at('few'), ['1.jpg', '2.jpg'], { 'list.csv': 'path,label,split\n1.jpg,a,train\n2.jpg,a,val\n' });
    expect(await refusal(at('few/list.csv'))).toMatch(/one class only/);
    expect(await refusal(at('few/list.csv'), 'val')).toMatch(/no class with two images/);
  });
});
