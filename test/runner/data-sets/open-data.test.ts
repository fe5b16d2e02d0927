import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openImageFolder } from '../../../src/runner/data/folder.js';
import { openData, openSplits } from '../../../src/runner/data-sets/open-data.js';
import { cubLists, makeFiles, refusal } from './folders.js';
import { temporaryFolder } from '../data/images.js';

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

  it('lists what it takes when a folder is of no known kind', async () => {
    await mkdir(at('empty'));
    const message = await refusal(at('empty'));
    expect(message).toContain('is no data set that is known');
    for (const known of ['train/CLASS/', 'path,label,split', 'images.txt', '196 class folders', 'Ebay_train.txt']) {
      expect(message).toContain(known);
    }
  });

  it.each([
    ['nowhere.pack', undefined, 'the data FILE does not exist. Check the path.'],
    ['empty.pack', '', 'FILE is empty. If it was a pack, it is damaged: take another'],
    [
      'other.pack',
      'XXXXPACK',
      "FILE doesn't begin as a pack does, and is no .csv list of images either. If it was a pack",
    ],
  ])('says of %s in a line what it is', async (name, content, words) => {
    if (content !== undefined) await writeFile(at(name), content);
    const message = await refusal(at(name));
    expect(message.replace(at(name), 'FILE')).toContain(words);
    expect(message).not.toContain('\n');
  });

  it('takes all of what says nothing of validation where nothing is evaluated: bare classes, train/ alone, a split as it is', async () => {
    await makeFiles(at('bare'), ['a/1.png', 'a/2.png', 'b/1.png']);
    await makeFiles(at('alone'), ['train/a/1.png', 'train/b/1.png']);
    const counts: [string, number][] = [
      ['bare', 3],
      ['alone', 2],
      ['whole', 2],
    ];
    for (const [name, count] of counts) {
      const { train, val } = await openSplits(at(name), false, {});
      expect([train.images.length, val.images.length], name).toEqual([count, 0]);
    }
    await expect(openSplits(at('bare'), true, {})).rejects.toThrow(/--eval-every 0 trains on all without any/);
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

  it('divides what has no validation images as --val-split says, the same way each time', async () => {
    const images = ['a', 'b', 'c', 'd', 'e'].flatMap((name) => [1, 2, 3, 4].map((i) => `${name}/${i}.png`));
    await makeFiles(at('classes'), images);
    await makeFiles(
      at('halves'),
      images.map((name) => `Train/${name}`),
    );
    expect(await refusal(at('classes'))).toMatch(
      /no train\/ and val\/, but folders of images.*--val-split classes:0\.3/,
    );
    expect(await refusal(at('halves'), 'val')).toMatch(
      /no folder val\/ inside[^]*--val-split takes some[^]*--eval-every 0/,
    );
    for (const root of ['classes', 'halves']) {
      const [train, val] = [
        await openData(at(root), 'train', { valSplit: 'classes:0.4' }),
        await openData(at(root), 'val', { valSplit: 'classes:0.4' }),
      ];
      expect([train.classes.length, val.classes.length]).toEqual([3, 2]);
      expect([...train.classes, ...val.classes].sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(val.images.map(({ label }) => label)).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
      expect(await openData(at(root), 'val', { valSplit: 'classes:0.4:0' })).toEqual(val);
    }
    const splits = await Promise.all(
      ['images:0.25', 'images:0.25:1', 'images:.6'].map(async (valSplit) => {
        const [train, val] = [
          await openData(at('classes'), 'train', { valSplit }).catch(() => undefined),
          await openData(at('classes'), 'val', { valSplit }).catch(() => undefined),
        ];
        return {
          train: train?.images.length,
          val: val?.images.map(({ path: file }) => path.relative(at('classes'), file)),
        };
      }),
    );
    expect(splits.map(({ train }) => train)).toEqual([15, 15, 10]);
    expect(splits[2]!.val).toHaveLength(10);
    // One image of each class is no validation.
    expect(splits[0]!.val).toBeUndefined();
  });

  it('refuses --val-split for data with a split of its own, and what a checkpoint remembers gives way to it', async () => {
    const { lists } = cubLists();
    await makeFiles(at('birds'), ['images/x'], lists);
    expect(await refusal(at('birds'), 'val', { valSplit: 'classes:0.5' })).toMatch(
      /CUB-200-2011 with a split of its own/,
    );
    await makeFiles(at('own'), ['train/a/1.png', 'train/b/1.png', 'val/c/1.png', 'val/c/2.png']);
    expect(await refusal(at('own'), 'val', { valSplit: 'classes:0.5' })).toMatch(
      /an image folder with a split of its own/,
    );
    expect((await openData(at('own'), 'val', { valSplitElse: 'classes:0.5' })).classes).toEqual(['c']);
    for (const text of ['classes', 'classes:1', 'images:0', 'photos:0.2', 'images:0.2:x']) {
      expect(await refusal(at('own'), 'val', { valSplit: text })).toMatch(/--val-split .*: give classes:0\.3/);
    }
    await makeFiles(at('two'), ['a/1.png', 'b/1.png']);
    expect(await refusal(at('two'), 'val', { valSplit: 'classes:0.5' })).toMatch(
      /leaves too few to train on\. Take some of the images of each, with images:0\.5\.$/,
    );
  });

  it('says which folder to give where a folder too high was given', async () => {
    await makeFiles(at('high'), ['photos/a/1.png', 'photos/a/2.png', 'photos/b/1.png', 'photos/b/deep/2.png']);
    const advice = new RegExp(
      `It holds 2 folders of images: if these are the classes, give ${at('high', 'photos')}\\.$`,
    );
    expect(await refusal(at('high'), 'train', { valSplit: 'classes:0.5' })).toMatch(advice);
    expect(await refusal(at('high'), 'train', { valSplit: 'images:0.5' })).toMatch(advice);
    await makeFiles(at('one'), ['a/1.png', 'a/2.png', 'a/deep/3.png']);
    expect(await refusal(at('one'), 'train', { valSplit: 'images:0.5' })).not.toMatch(/if these are the classes/);
  });

  it('refuses splits that nothing can be learnt from, whatever the format', async () => {
    await makeFiles(at('few'), ['1.jpg', '2.jpg'], { 'list.csv': 'path,label,split\n1.jpg,a,train\n2.jpg,a,val\n' });
    expect(await refusal(at('few/list.csv'))).toMatch(/one class only/);
    expect(await refusal(at('few/list.csv'), 'val')).toMatch(/no class with two images/);
  });
});
