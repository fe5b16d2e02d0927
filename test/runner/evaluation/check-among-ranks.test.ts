import { cp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { checkImages } from '../../../src/runner/data/check.js';
import { openImageFolder } from '../../../src/runner/data/folder.js';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import { checkAmongRanks } from '../../../src/runner/evaluation/check-among-ranks.js';
import { simulatedRanks } from '../../helpers/simulated-ranks.js';
import { pattern, temporaryFolder, writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);

/** Without these bytes of its end, a PNG is damaged, and as long as before. */
const damage = (file: string) => writeFile(file, Buffer.alloc(20), { flag: 'r+' });

beforeAll(async () => {
  const names = ['a', 'b', 'c'].flatMap((label) => ['1', '2', '3', '4'].map((name) => `train/${label}/${name}.png`));
  await writeFiles(at('here'), Object.fromEntries(names.map((name, seed) => [name, pattern(24, 24, 3, seed)])));
  await damage(at('here/train/b/2.png'));
  await cp(at('here'), at('there'), { recursive: true });
});

/** What ranks find, one in each of the folders, and what each of them reads, in a/1 and so on. */
async function checkedIn(folders: readonly string[], batchSize?: number) {
  const ranks = simulatedRanks(folders.length);
  const short = (root: string, file: string) =>
    path
      .relative(root, file)
      .replace(/\.png$/, '')
      .replaceAll('\\', '/');
  return Promise.all(
    folders.map(async (name, rank) => {
      const set = await openImageFolder(name, 'train');
      const loader = new ImageLoader({ imageSize: 16, resize: 'stretch', workers: 0, cache: 'none' });
      const check = vi.spyOn(loader, 'check');
      const bad = await checkAmongRanks(set, loader, ranks[rank]!, { batchSize });
      const alone = await checkImages(set, loader);
      const read = check.mock.calls.slice(0, -1).flatMap(([paths]) => paths.map((file) => short(set.root, file)));
      await loader.close();
      return { bad, alone, read, names: bad.map((image) => short(set.root, image.path)) };
    }),
  );
}

describe('checkAmongRanks', () => {
  it('has each image read by one of the ranks that see the same files, and all of them told what is bad', async () => {
    const found = await checkedIn([at('here'), at('here'), at('here')]);
    expect(found.map(({ read }) => read)).toEqual([
      ['a/1', 'a/2', 'a/3', 'a/4'],
      ['b/1', 'b/2', 'b/3', 'b/4'],
      ['c/1', 'c/2', 'c/3', 'c/4'],
    ]);
    for (const { bad, alone } of found) {
      expect(alone).toHaveLength(1);
      expect(bad).toEqual(alone);
    }
  });

  it('gives each whole batches, and none to a rank for which nothing is left', async () => {
    const [first, second, third] = await checkedIn([at('here'), at('here'), at('here')], 8);
    expect([first, second, third].map((one) => one!.read.length)).toEqual([8, 4, 0]);
    expect(third!.names).toEqual(['b/2']);
  });

  it('has every copy checked, and what is bad in one is bad for all, who hear on which host', async () => {
    await damage(at('there/train/c/4.png'));
    const found = await checkedIn([at('here'), at('there'), at('there')]);
    expect(found.map(({ read }) => read.length)).toEqual([12, 6, 6]);
    for (const { names, bad } of found) {
      expect(names).toEqual(['b/2', 'c/4']);
      expect(bad[1]!.reason).toMatch(new RegExp(` \\(on ${os.hostname()}\\)$`));
    }
  });

  it('refuses images of another size or name before it reads any', async () => {
    await cp(at('here'), at('longer'), { recursive: true });
    await writeFile(at('longer/train/a/1.png'), ' ', { flag: 'a' });
    await cp(at('here'), at('fewer'), { recursive: true });
    await rm(at('fewer/train/a/1.png'));
    for (const other of ['longer', 'fewer'])
      await expect(checkedIn([at('here'), at('here'), at(other)])).rejects.toThrow('rank 2 has other facts');
  });
});
