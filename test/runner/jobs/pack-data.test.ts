/** Whether a pack says of images what the data says that it was made of. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Damage } from '../../../bench/data/damage.js';
import { damages, writeDamagedFolder } from '../../../bench/data/damage.js';
import type { Squares } from '../../../src/graph/preprocessing.js';
import { UserError } from '../../../src/runner/base/errors.js';
import type { ImageSet, Split } from '../../../src/runner/data/folder.js';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import type { OpenOptions } from '../../../src/runner/data-sets/format.js';
import { openData, openSplits } from '../../../src/runner/data-sets/open-data.js';
import { evaluate } from '../../../src/runner/evaluation/evaluate.js';
import { findImages } from '../../../src/runner/evaluation/find-images.js';
import type { PackOptions } from '../../../src/runner/jobs/pack-data.js';
import { packData } from '../../../src/runner/jobs/pack-data.js';
import { prepareTraining } from '../../../src/runner/jobs/prepare-training.js';
import { planTraining } from '../../../src/runner/jobs/plan-training.js';
import { makeReport } from '../../../src/runner/report/report.js';
import { openRun } from '../../../src/runner/reproduce/record.js';
import { verifyRun } from '../../../src/runner/reproduce/verify.js';
import { exportWeb } from '../../../src/runner/shipping/web-export.js';
import { surveyData } from '../../../src/runner/survey/survey.js';
import { writeImageFolder } from '../../helpers/images.js';
import { noSmallDisk, smallDisk } from '../../helpers/small-disk.js';
import { pattern, temporaryFolder, writeFiles } from '../data/images.js';
import { smallRun, trainSmall } from '../training/train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const packed = (data: string, file: string, options: PackOptions = {}) =>
  packData(at(data), at(file), { imageSize: 32, workers: 0, ...options });

const message = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
};

/** A set as it is wherever it lies. */
function anywhere(set: ImageSet, base: string) {
  const inside = (file: string) => path.relative(base, file);
  const { root, split, classes, images, roles, passedOver } = set;
  const all = {
    root: inside(root),
    split,
    classes,
    roles,
    images: images.map((one) => ({ ...one, path: inside(one.path) })),
  };
  return { ...all, passedOver: passedOver?.map((one) => ({ ...one, path: inside(one.path) })) };
}

/** A pack tells the name of a folder that it has none of. */
const textAnywhere = (text: string, base: string) => text.replaceAll(`${base} (train)`, '/train').replaceAll(base, '');

/** What a split comes to from data and from its pack; an error without the names of both. */
async function both(data: string, file: string, split: Split, options: OpenOptions = {}) {
  const base = data.endsWith('.csv') ? path.dirname(at(data)) : at(data);
  const open = async (place: string, inside: string) => {
    const set = await openData(place, split, options).catch((error: unknown) => error);
    return set instanceof Error ? textAnywhere(set.message, inside) : anywhere(set as ImageSet, inside);
  };
  return [await open(at(data), base), await open(at(file), at(file))];
}

async function pixelsOf(set: ImageSet, squares: Partial<Squares> = {}): Promise<Uint8Array> {
  const loader = new ImageLoader({
    ...{ imageSize: 32, resize: 'stretch', workers: 0, cache: 'none', pack: set.pack },
    ...squares,
  });
  try {
    const paths = set.images.map((image) => image.path);
    return await loader.decode(
      [...paths].reverse(),
      paths.map((_, i) => i % 2),
    );
  } finally {
    await loader.close();
  }
}

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await writeFiles(at('data'), {
    'train/train-0/notes.txt': 'none',
    'train/train-0/.hidden': '',
    'lost/1.png': pattern(9, 9),
  });
  await packed('data', 'data.pack');
});

describe('a pack of a folder', () => {
  it('has its splits, classes and paths, and what is passed over', async () => {
    for (const split of ['train', 'val'] as const) {
      const [folderSet, packSet] = await both('data', 'data.pack', split);
      expect(packSet).toEqual(folderSet);
    }
  });

  it.each<Partial<Squares>>([
    {},
    { imageSize: 20, resizeTo: 28, resize: 'cover' },
    { imageSize: 40, resize: 'contain' },
    { imageSize: 30, filter: 'shifted' },
  ])('has the pixels of the folder, mirrored or not: %o', async (squares) => {
    await packed('data', 'squares.pack', squares);
    for (const split of ['train', 'val'] as const) {
      const [set, inPack] = [await openData(at('data'), split), await openData(at('squares.pack'), split)];
      expect(Buffer.compare(await pixelsOf(inPack, squares), await pixelsOf(set, squares))).toBe(0);
    }
  });

  it('has the same bytes each time, whatever the file is called', async () => {
    await packed('data', 'again.csv', { workers: 2 });
    expect(Buffer.compare(await readFile(at('again.csv')), await readFile(at('data.pack')))).toBe(0);
    expect((await openData(at('again.csv'), 'val')).images).toHaveLength(12);
  });

  it('is kept in memory too where that is asked for', async () => {
    const set = await openData(at('data.pack'), 'train');
    const loader = new ImageLoader({ imageSize: 32, resize: 'stretch', workers: 0, cache: 'ram', pack: set.pack });
    const paths = set.images.map((image) => image.path);
    expect(await loader.check(paths)).toEqual([]);
    const [first, second] = [await loader.decode(paths), await loader.decode(paths)];
    await loader.close();
    expect(first).toEqual(second);
    const direct = new ImageLoader({ imageSize: 32, resize: 'stretch', workers: 0, cache: 'none', pack: set.pack });
    expect(await direct.decode(paths)).toEqual(first);
    await direct.close();
  });
});

describe('a training from a pack', () => {
  const run = (out: string, dataPath: string) => ({ dataPath: at(dataPath), out: at(out), epochs: 2, stepsPerRun: 1 });

  beforeAll(async () => {
    await trainSmall(run('from-folder', 'data'));
    await trainSmall(run('from-pack', 'data.pack'));
  });

  it('writes the checkpoints and listing of a training from the folder, to the byte, and its record but for the place', async () => {
    for (const file of ['checkpoint.safetensors', 'best.safetensors', 'data.jsonl']) {
      const [one, other] = [await readFile(at('from-folder', file)), await readFile(at('from-pack', file))];
      expect(Buffer.compare(one, other), file).toBe(0);
    }
    const recorded = async (name: string) => {
      const { record, last } = await openRun(at(name));
      const segment = { ...last, started: '', ended: '', dataFromRun: '' };
      const options = { ...last.options, dataPath: '', out: '' };
      const { result, epochs, checkpoints } = record;
      return { ...segment, options, epochs, checkpoints, result: { ...result, best: '', last: '' } };
    };
    expect(await recorded('from-pack')).toEqual(await recorded('from-folder'));
  });

  it('is verified with the folder, and one from the folder with the pack', async () => {
    for (const [name, dataPath] of [
      ['from-pack', 'data'],
      ['from-folder', 'data.pack'],
      ['from-pack', undefined],
    ] as const) {
      const { outcome, changes } = await verifyRun(at(name), dataPath === undefined ? {} : { dataPath: at(dataPath) });
      expect([outcome, changes], `${name} with ${dataPath}`).toEqual(['identical', []]);
    }
  });

  it('is evaluated on either to the same numbers, and planned', async () => {
    const checkpoint = at('from-pack', 'checkpoint.safetensors');
    const [one, other] = [
      await evaluate({ checkpoint, dataPath: at('data'), workers: 0 }),
      await evaluate({ checkpoint, dataPath: at('data.pack'), workers: 0 }),
    ];
    expect(other.recall).toEqual(one.recall);
    const plan = await planTraining(smallRun(run('planned', 'data.pack')));
    expect(plan.train).toEqual({ images: 12, classes: 4, skipped: 0 });
  });

  it('is reported with pictures of the pack', async () => {
    await makeReport(at('from-pack'), at('report.html'), { workers: 0, untrained: false });
    const page = await readFile(at('report.html'), 'utf8');
    expect(page).toContain('data:image/webp;base64,');
    expect(page).not.toMatch(/can’t be (looked at|shown)/);
  });

  it('is told with --data-path where its pack has been moved, and the report says so once', async () => {
    await rename(at('data.pack'), at('moved.pack'));
    const words =
      /the data of the run, .*data\.pack, is not there any more\. If it was moved, say where with --data-path\.$/;
    expect(await message(verifyRun(at('from-pack')))).toMatch(words);
    expect(await message(prepareTraining({ resume: at('from-pack') }))).toMatch(words);
    const { notes } = await makeReport(at('from-pack'), at('moved.html'), { workers: 0, untrained: false });
    expect(notes).toEqual([expect.stringMatching(words)]);
    expect(notes[0]).toMatch(/^The images of train and val can’t be shown: /);
    await rename(at('moved.pack'), at('data.pack'));
  });

  it('is refused in words where its options make other squares than the pack holds', async () => {
    const wrong = { ...run('wrong', 'data.pack'), imageSize: 40, resize: 'cover' as const };
    // One after the other: a promise that is not waited for yet may fail.
    for (const work of [() => trainSmall(wrong), () => planTraining(smallRun(wrong))]) {
      expect(await message(work())).toBe(
        `the pack ${at('data.pack')} holds images as --image-size 32 --resize-to 32 --resize stretch makes them, and ` +
          "--image-size 40 --resize-to 40 --resize cover is wanted here. Take the pack's options, or pack the images again with " +
          '--image-size 40 --resize-to 40 --resize cover.',
      );
    }
    expect(existsSync(at('wrong'))).toBe(false);
    const checkpoint = at('from-pack', 'checkpoint.safetensors');
    const other = evaluate({ checkpoint, dataPath: at('data.pack'), workers: 0, resize: 'contain' });
    expect(await message(other)).toMatch(/--resize stretch makes them, and --resize contain is wanted here/);
  });

  it('stops where the pack is another one than when it was opened, and goes on when that is put back', async () => {
    await packed('data', 'changing.pack');
    const before = await readFile(at('changing.pack'));
    const changing = trainSmall({ ...run('changing', 'changing.pack') }, (event) => {
      if (event.kind === 'start') void writeFile(at('changing.pack'), new Uint8Array(8), { flag: 'a' });
      return false;
    });
    expect(await message(changing)).toMatch(
      /changing\.pack was changed while it was in use\. Put the one back that it was; a training then goes on with --resume auto\.$/,
    );
    await writeFile(at('changing.pack'), before);
    await trainSmall({ ...run('changing', 'changing.pack'), resume: 'auto' });
    const [one, other] = await Promise.all(
      ['changing', 'from-pack'].map((name) => readFile(at(name, 'checkpoint.safetensors'))),
    );
    expect(Buffer.compare(one!, other!)).toBe(0);
  });
});

describe('a pack of data of other kinds', () => {
  it('is divided as the data is', async () => {
    await writeFiles(
      at('bare'),
      Object.fromEntries([...Array(24).keys()].map((i) => [`c${i % 6}/${i}.png`, pattern(8, 8, 3, i)])),
    );
    await mkdir(at('alone'));
    await symlink(at('bare'), at('alone/train'));
    await packed('bare', 'bare.pack');
    await packed('alone', 'alone.pack');
    for (const data of ['bare', 'alone']) {
      for (const valSplit of ['classes:0.4', 'images:0.3:7']) {
        for (const split of ['train', 'val'] as const) {
          const [set, inPack] = await both(data, `${data}.pack`, split, { valSplit });
          expect(inPack).toEqual(set);
        }
      }
      const all = await openSplits(at(`${data}.pack`), false, {});
      expect([all.train.images.length, all.val.images.length]).toEqual([24, 0]);
      expect(await message(openData(at(`${data}.pack`), 'val'))).toMatch(/--val-split takes some of its images for it/);
    }
    expect(await message(openData(at('bare.pack'), 'train'))).toMatch(/--eval-every 0 trains on all without any/);
    const [set, inPack] = await both('alone', 'alone.pack', 'train');
    expect(inPack).toEqual(set);
    const refused = openData(at('data.pack'), 'train', { valSplit: 'images:0.2' });
    expect(await message(refused)).toMatch(/^--val-split images:0\.2: .* is a pack with a split of its own/);
  });

  it('knows queries and the gallery, of folders and of a list', async () => {
    const images = (inside: string, seed: number) =>
      [0, 1, 2].map((i) => [`${inside}/${i}.png`, pattern(8, 8, 3, seed + i)] as const);
    const files = ['train/a', 'train/b', 'query/c', 'gallery/c', 'gallery/d'].flatMap((name, i) => images(name, 9 * i));
    await writeFiles(at('roles'), Object.fromEntries(files));
    const rows = files.map(
      ([name], i) => `${name},${name[name.indexOf('/') + 1]},${i < 6 ? 'train' : 'val'},${i < 9},${i > 7}`,
    );
    await writeFile(at('roles/list.csv'), `path,label,split,is_query,is_gallery\n${rows.join('\n')}\n`);
    await rm(at('roles.pack'), { force: true });
    await packed('roles', 'roles.pack');
    await packed('roles/list.csv', 'list.pack');
    for (const split of ['train', 'val'] as const) {
      for (const [data, file] of [
        ['roles', 'roles.pack'],
        ['roles/list.csv', 'list.pack'],
      ] as const) {
        const [set, inPack] = await both(data, file, split);
        expect(inPack).toEqual(set);
      }
    }
    expect((await openData(at('list.pack'), 'val')).roles).toHaveLength(9);
  });

  it('divides a list without a column for it as the list is divided', async () => {
    const rows = [...Array(24).keys()].map((i) => `c${i % 6}/${i}.png,class ${i % 6}`);
    await writeFile(at('bare/plain.csv'), `path,label\n${rows.join('\n')}\n`);
    await packed('bare/plain.csv', 'plain.pack');
    const options = { valSplit: 'images:0.5' };
    const [set, inPack] = await both('bare/plain.csv', 'plain.pack', 'val', options);
    expect(inPack).toEqual(set);
    expect(await message(openData(at('plain.pack'), 'train'))).toMatch(/has no split, but images of classes/);
  });
});

describe('images that cannot be read', () => {
  // What is above a limit of size takes long.
  const list: Damage[] = damages.filter(({ name }) => !/bomb|huge|laughs/.test(name));

  beforeAll(async () => {
    await writeDamagedFolder(at('damaged'), { files: 110, imagesAClass: 10, count: list.length, list });
  });

  it('stop the packing, all of them named, and leave nothing', async () => {
    const before = await readdir(folder.path);
    expect(await message(packed('damaged', 'none/damaged.pack'))).toMatch(
      /images in .*damaged cannot be read:\n[^]*--skip-bad/,
    );
    expect(await readdir(folder.path)).toEqual(before);
  });

  it('are kept with their reasons, so that a check says what it says of the folder', async () => {
    await packed('damaged', 'damaged.pack', { skipBad: true });
    const survey = async (data: string) => {
      const found = await surveyData(at(data), { workers: 0, batchSize: 4, batchK: 2 });
      return JSON.parse(textAnywhere(JSON.stringify(found), at(data))) as object;
    };
    expect(await survey('damaged.pack')).toEqual({ ...(await survey('damaged')), format: 'a pack' });
  });

  it('are left out by a training with --skip-bad, and stop one without', async () => {
    const options = (out: string, dataPath: string) => ({
      dataPath: at(dataPath),
      out: at(out),
      skipBad: true,
      batchNum: 1,
    });
    await trainSmall(options('bad-folder', 'damaged'));
    await trainSmall(options('bad-pack', 'damaged.pack'));
    for (const file of ['checkpoint.safetensors', 'data.jsonl']) {
      const [one, other] = [await readFile(at('bad-folder', file)), await readFile(at('bad-pack', file))];
      expect(Buffer.compare(one, other), file).toBe(0);
    }
    const words = async (dataPath: string) =>
      textAnywhere(await message(trainSmall({ ...options('bad', dataPath), skipBad: false })), at(dataPath));
    expect(await words('damaged.pack')).toBe(
      (await words('damaged')).replace(
        'Mend or remove them, or leave them out with --skip-bad.',
        'Leave them out with --skip-bad, or mend them and pack the images again.',
      ),
    );
  });
});

describe('packing', () => {
  it('leaves nothing when it is stopped', async () => {
    const controller = new AbortController();
    const before = await readdir(folder.path);
    const stopped = packData(
      at('data'),
      at('new/stopped.pack'),
      { imageSize: 2000, workers: 0 },
      { signal: controller.signal, onProgress: () => controller.abort() },
    );
    const error = await stopped.catch((reason: unknown) => reason);
    expect(error).toBe(controller.signal.reason);
    expect(await readdir(folder.path)).toEqual(before);
  });

  it('writes over a pack, and over nothing else', async () => {
    await writeFile(at('list.txt'), 'mine');
    for (const [file, reason] of [
      ['list.txt', /there is a file of that name already, which is no pack/],
      ['data', /it is a folder/],
    ] as const) {
      expect(await message(packed('data', file))).toMatch(reason);
    }
    expect(await readFile(at('list.txt'), 'utf8')).toBe('mine');
    await packed('data', 'twice.pack');
    await packed('data', 'twice.pack', { imageSize: 8 });
    expect((await openData(at('twice.pack'), 'val')).pack!.squares.imageSize).toBe(8);
  });

  it('does not begin on a disk without the room, and ends in a line where the disk is full before it is done', async ({
    skip,
  }) => {
    await mkdir(at('disk'));
    if (!smallDisk(at('disk'))) skip(noSmallDisk);
    try {
      expect(await message(packed('data', 'disk/new/large.pack', { imageSize: 8000 }))).toMatch(
        /^can't write .*large\.pack: it takes 4\.6 GB, and its disk has 1\.0 MB left; free some space or choose another folder\.$/,
      );
      const fill = () => {
        try {
          writeFileSync(at('disk/other'), Buffer.alloc(2 ** 20));
        } catch {
          // Full.
        }
      };
      const options = { imageSize: 50, workers: 0 };
      const filling = packData(at('data'), at('disk/full.pack'), options, { onProgress: fill });
      expect(await message(filling)).toMatch(/^can't write .*full\.pack: the disk is full; free some space/);
      expect(await readdir(at('disk'))).toEqual(['other']);
    } finally {
      execFileSync('umount', [at('disk')]);
    }
  });

  it.each<[string, unknown[], string]>([
    ['no arguments', [], 'packData: dataPath is undefined. Give a path.'],
    ['one object for all', [{ dataPath: 'a' }], 'packData: dataPath is {"dataPath":"a"}. Give a path.'],
    ['an empty name', ['data', ''], 'packData: file is "". Give a path.'],
    ['a number for the file', ['data', 3], 'packData: file is 3. Give a path.'],
    ['null for the options', ['data', 'x', null], 'packData takes its options as an object, and null is none.'],
    ['a word for a number', ['data', 'x', { imageSize: '8' }], '--image-size 8: give a whole number'],
    ['too few threads', ['data', 'x', { workers: -1 }], '--workers -1: give a whole number of 0 or more'],
  ])('says which argument is wrong of %s', async (_, args, words) => {
    const call = packData as (...given: unknown[]) => Promise<unknown>;
    expect(await message(call(...args))).toContain(words);
  });

  it.runIf(process.platform === 'linux')('says why no file can be made of a name', async () => {
    const refusal = (file: string) => message(packData(at('data'), file, { imageSize: 32, workers: 0 }));
    expect(await refusal('/proc/x')).toBe(
      "can't write /proc/x: no file can be made there. Give the name of a file on a disk.",
    );
    expect(await refusal('/dev/null')).toMatch(/it is a pipe or a device, and a pack is a file\. Give the name/);
    expect(await refusal(`${at('nodir')}/`)).toMatch(/nodir\/: it is a folder\. Give the name of a file\.$/);
  });

  it('refuses a pack, and wrong squares', async () => {
    expect(await message(packed('data.pack', 'other.pack'))).toMatch(/is a pack already\. Give what it was made of/);
    expect(await message(packed('data', 'other.pack', { resizeTo: 8 }))).toMatch(
      /--resize-to 8 is below --image-size 32/,
    );
  });
});

describe('a pack where it does not help', () => {
  it('is refused in words by what takes single images, and by what gives whole ones to a page', async () => {
    expect(await message(findImages([at('data.pack')]))).toMatch(/is a pack, of which single images are not taken/);
    const checkpoint = at('from-pack', 'checkpoint.safetensors');
    const exported = exportWeb(checkpoint, at('web'), { dataPath: at('data.pack'), workers: 0 });
    expect(await message(exported)).toMatch(/a pack holds squares\. Give what was packed/);
  });
});
