import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openData } from '../../../src/runner/data-sets/open-data.js';
import { temporaryFolder } from '../data/images.js';
import { contents, makeFiles, refusal } from './folders.js';

const folder = temporaryFolder();
const header = 'image_id class_id super_class_id path\n';
const train = `${header}1 10 1 bicycle_final/a_0.JPG\n2 10 1 bicycle_final/a_1.JPG\n3 9 2 sofa final/b 0.JPG\n4 9 2 sofa final/b 1.JPG\n`;
const val = `${header}5 11 1 bicycle_final/c_0.JPG\n6 11 1 bicycle_final/c_1.JPG\n`;
const at = (name: string) => path.join(folder.path, name);

beforeAll(() =>
  makeFiles(
    folder.path,
    [
      'bicycle_final/a_0.JPG',
      'bicycle_final/a_1.JPG',
      'bicycle_final/c_0.JPG',
      'bicycle_final/c_1.JPG',
      'sofa final/b 0.JPG',
    ],
    { 'sofa final/b 1.JPG': '', 'Ebay_train.txt': train, 'Ebay_test.txt': val },
  ),
);

describe('Stanford Online Products', () => {
  it('has the split of its own, with classes by their number', async () => {
    expect(await contents(folder.path, 'train')).toEqual([
      ['9', 'sofa final/b 0.JPG'],
      ['9', 'sofa final/b 1.JPG'],
      ['10', 'bicycle_final/a_0.JPG'],
      ['10', 'bicycle_final/a_1.JPG'],
    ]);
    expect((await openData(folder.path, 'val')).classes).toEqual(['11']);
  });

  it('names wrong lines, a wrong header and missing files', async () => {
    await writeFile(at('Ebay_test.txt'), `${val}7 x 1 a.jpg\n8 11 1\n9 11 1 bicycle_final/none.JPG\n`);
    expect(await refusal(folder.path, 'val')).toMatch(
      /Ebay_test\.txt: 2 of its lines cannot be used:\n {2}line 4: "7 x 1 a\.jpg" is not three numbers and a path\n {2}line 5: /,
    );
    await writeFile(at('Ebay_test.txt'), `${val}\n9 11 1 bicycle_final/none.JPG\n`);
    expect(await refusal(folder.path, 'val')).toMatch(/line 5: "bicycle_final\/none\.JPG" is not there/);
    await writeFile(at('Ebay_test.txt'), '5 11 1 bicycle_final/c_0.JPG\n');
    expect(await refusal(folder.path, 'val')).toMatch(/Ebay_test\.txt: its first line is not "image_id class_id/);
    await writeFile(
      at('Ebay_test.txt'),
      `${val}7 11 1${' '.repeat(1_000_000)}\n8 11 1 a.jpg${' '.repeat(1_000_000)}x\n`,
    );
    expect(await refusal(folder.path, 'val')).toMatch(/line 4: "7 11 1" is not three numbers and a path/);
    await rm(at('Ebay_test.txt'));
    expect(await refusal(folder.path)).toMatch(/looks like Stanford Online Products, but Ebay_test\.txt is missing/);
  });
});
