import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openData } from '../../../src/runner/data-sets/open-data.js';
import { temporaryFolder } from '../data/images.js';
import { carClasses, contents, makeFiles, refusal } from './folders.js';

const folder = temporaryFolder();
const inHalves = carClasses.flatMap((name) => [`train/${name}/00001.jpg`, `test/${name}/00001.jpg`]);

describe('CARS-196', () => {
  it('trains on the first 98 classes of both halves and evaluates on the other 98', async () => {
    const root = path.join(folder.path, 'halves');
    await makeFiles(root, inHalves);
    const train = await openData(root, 'train');
    const val = await openData(root, 'val');
    expect(train.classes).toEqual(carClasses.slice(0, 98));
    expect(val.classes).toEqual(carClasses.slice(98));
    expect(val.images).toHaveLength(196);
    expect((await contents(root, 'train')).slice(0, 3)).toEqual([
      [carClasses[0], `test/${carClasses[0]}/00001.jpg`],
      [carClasses[0], `train/${carClasses[0]}/00001.jpg`],
      [carClasses[1], `test/${carClasses[1]}/00001.jpg`],
    ]);
  });

  it('takes all class folders in one folder', async () => {
    const root = path.join(folder.path, 'one');
    await makeFiles(
      root,
      carClasses.flatMap((name) => [`${name}/1.jpg`, `${name}/2.jpg`]),
    );
    expect(await contents(root, 'val')).toHaveLength(196);
    await mkdir(path.join(root, carClasses[120]!, 'deeper'));
    await rm(path.join(root, carClasses[120]!, '1.jpg'));
    await rm(path.join(root, carClasses[120]!, '2.jpg'));
    expect(await refusal(root, 'val')).toMatch(/1 of 98 class folders hold no image:\n {2}Car 120 2012/);
  });

  it('says what is missing', async () => {
    const root = path.join(folder.path, 'missing');
    await makeFiles(root, inHalves);
    await rm(path.join(root, 'train', carClasses[5]!), { recursive: true });
    expect(await refusal(root)).toMatch(/class folder .*train\/Car 005 2012 does not exist/);
    await rm(path.join(root, 'test', carClasses[5]!), { recursive: true });
    expect(await refusal(root)).toMatch(/looks like CARS-196, but holds 195 class folders instead of 196/);
    await rm(path.join(root, 'train'), { recursive: true });
    expect(await refusal(root)).toMatch(/looks like CARS-196, but train\/ is missing/);
  });

  it('leaves a split that somebody made of it alone', async () => {
    const root = path.join(folder.path, 'own');
    const own = carClasses
      .slice(0, 4)
      .flatMap((name, i) => [1, 2].map((n) => `${i < 2 ? 'train' : 'val'}/${name}/${n}.jpg`));
    await makeFiles(root, own);
    expect((await openData(root, 'train')).classes).toEqual(carClasses.slice(0, 2));
  });

  it('says what to do about labels in MATLAB files', async () => {
    const root = path.join(folder.path, 'matlab');
    await makeFiles(root, ['cars_train/00001.jpg', 'cars_test/00001.jpg', 'devkit/cars_train_annos.mat']);
    expect(await refusal(root)).toMatch(
      /CARS-196 with its labels in MATLAB files, which are not read\. Give 196 class folders.*manifest/,
    );
  });
});
