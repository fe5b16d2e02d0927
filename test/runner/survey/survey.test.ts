import { mkdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Damage, Written } from '../../../bench/data/damage.js';
import { damages, forbidden, writeDamagedFolder } from '../../../bench/data/damage.js';
import type { Survey, SurveyStage } from '../../../src/runner/survey/survey.js';
import { surveyData } from '../../../src/runner/survey/survey.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { writeImageFolder } from '../../helpers/images.js';
import { pattern, temporaryFolder, writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const options = { workers: 0, skipBad: false, batchSize: 4, batchK: 2, smallClasses: 'error' as const };
const paths = (entries: readonly { path: string }[]) => entries.map((entry) => entry.path);

// Root may read everything, so that nothing is forbidden.
const list: Damage[] = process.getuid?.() === 0 ? damages : [...damages, forbidden];

describe('a folder of files damaged in every way', () => {
  let written: Written;
  let survey: Survey;
  const stages = new Map<SurveyStage, [done: number, total: number]>();

  beforeAll(async () => {
    written = await writeDamagedFolder(at('damaged'), { files: 110, imagesAClass: 10, count: list.length, list });
    survey = await surveyData(at('damaged'), { ...options, workers: 2 }, (stage, done, total) =>
      stages.set(stage, [done, total]),
    );
  });

  it('has every bad file found, as what it is, and no other', () => {
    const bad = Object.values(survey.splits).flatMap((split) => split.bad);
    const expected = written.damaged.flatMap(({ file, damage: { expected } }) =>
      'bad' in expected ? [[at('damaged', file), expected.bad]] : [],
    );
    expect(bad.map(({ path, kind }) => [path, kind]).sort()).toEqual(expected.sort());
    for (const { reason } of bad) expect(reason).toMatch(/^[^\n]{5,}$/);
  });

  it('has everything unusual found that works, and nothing else', () => {
    const unusual = Object.values(survey.splits).flatMap((split) => split.unusual);
    const expected = written.damaged.flatMap(({ file, damage: { expected } }) =>
      'unusual' in expected ? [[at('damaged', file), [expected.unusual]]] : [],
    );
    expect(unusual.map(({ path, kinds }) => [path, kinds]).sort()).toEqual(expected.sort());
  });

  it('is counted, and would stop a training', () => {
    const { train, val } = survey.splits;
    expect(train!.images + val!.images).toBe(110);
    expect(train!.classes + val!.classes).toBe(11);
    expect(train!.imagesPerClass.max).toBeLessThanOrEqual(10);
    expect(survey.stops).toEqual([
      `${train!.bad.length} of ${train!.images} images of train cannot be read: mend or remove them, or train with --skip-bad.`,
      `${val!.bad.length} of ${val!.images} images of val cannot be read: mend or remove them, or train with --skip-bad.`,
    ]);
    expect([...stages.keys()]).toEqual(['check', 'headers', 'duplicates']);
    for (const [done, total] of stages.values()) expect(done).toBe(total);
  });
});

describe('surveyData', () => {
  it('has nothing to say about good data', async () => {
    await writeImageFolder(at('good'), { size: 24 });
    const { splits, duplicates, stops, format } = await surveyData(at('good'), options);
    expect([duplicates, stops, format]).toEqual([[], [], 'an image folder']);
    const spread = (value: number) => ({ min: value, median: value, max: value });
    expect(splits.val).toEqual({
      ...{ root: at('good/val'), images: 12, classes: 4, imagesPerClass: spread(3) },
      ...{ width: spread(24), height: spread(24), smallClasses: [], bad: [], unusual: [], passedOver: [] },
      search: { queries: 12, gallery: 12, isApart: false, distractors: 0, alone: 0, ceiling: 1 },
    });
  });

  it('finds the same content in both splits, in two classes and twice in a class', async () => {
    const same = (seed: number) => pattern(20, 20, 3, seed);
    await writeImageFolder(at('same'));
    await writeFiles(at('same'), {
      'train/train-0/x.png': same(100),
      'train/train-0/y.png': same(100),
      'train/train-1/z.png': same(100),
      'val/val-2/z.png': same(100),
      'train/train-2/p.png': same(101),
      'train/train-3/q.png': same(101),
      'val/val-0/r.png': same(102),
      'val/val-0/s.png': same(102),
    });
    const { duplicates, stops } = await surveyData(at('same'), options);
    expect(duplicates.map(({ kind, paths }) => [kind, paths.map((file) => path.relative(at('same'), file))])).toEqual([
      ['train and val', ['train/train-0/x.png', 'train/train-0/y.png', 'train/train-1/z.png', 'val/val-2/z.png']],
      ['two classes', ['train/train-2/p.png', 'train/train-3/q.png']],
      ['one class', ['val/val-0/r.png', 'val/val-0/s.png']],
    ]);
    expect(stops).toEqual([]);
  });

  it('tells classes that are too small once bad images are left out', async () => {
    await writeImageFolder(at('small'));
    await writeFiles(at('small'), { 'train/train-1/0.png': '', 'train/train-1/1.png': '' });
    const skipping = { ...options, skipBad: true };
    const { splits, stops } = await surveyData(at('small'), skipping);
    expect(splits.train!.smallClasses).toEqual(['train-1']);
    expect(splits.train!.imagesPerClass).toEqual({ min: 1, median: 3, max: 3 });
    expect(stops).toEqual([expect.stringMatching(/1 of 4 classes have fewer than 2 images[^]*train-1 \(1\)/)]);
    expect((await surveyData(at('small'), { ...skipping, smallClasses: 'drop' })).stops).toEqual([]);
    const large = await surveyData(at('small'), { ...skipping, smallClasses: 'drop', batchSize: 8 });
    expect(large.stops).toEqual([expect.stringContaining('takes 4 classes a batch')]);
  });

  it('tells when too little is left', async () => {
    await writeFiles(at('little'), {
      'train/a/1.png': pattern(9, 9),
      'train/a/2.png': pattern(9, 8),
      'train/b/1.png': 'x',
    });
    await writeFiles(at('little'), { 'val/a/1.png': pattern(9, 7), 'val/a/2.png': 'x' });
    const { stops } = await surveyData(at('little'), { ...options, skipBad: true });
    expect(stops).toEqual([expect.stringMatching(/one class only/), expect.stringMatching(/no class with two images/)]);
  });

  it('tells what is passed over, and which images are queries', async () => {
    await writeFiles(at('roles'), {
      ...{
        'train/a/1.png': pattern(9, 9),
        'train/a/deep/2.png': pattern(9, 8),
        'train/b/1.bmp': 'x',
        'train/b/1.png': pattern(8, 9),
      },
      ...{
        'train/2.png': pattern(7, 9),
        'train/b/1.heic': 'x',
        'query/a/1.png': pattern(6, 9),
        'gallery/a/2.png': pattern(5, 9),
      },
    });
    const { splits } = await surveyData(at('roles'), { ...options, smallClasses: 'repeat', skipBad: true });
    expect(splits.train!.passedOver.map(({ path: file, kind }) => [path.relative(at('roles'), file), kind])).toEqual([
      ['train/2.png', 'in no class folder'],
      ['train/b/1.heic', 'HEIC'],
    ]);
    expect(splits.train!.images).toBe(4);
    expect(splits.val!.roles).toEqual({ queries: 1, gallery: 1 });
  });

  it('looks at no validation images for a training without evaluations', async () => {
    await writeImageFolder(at('trained'));
    await rm(at('trained/val'), { recursive: true });
    const { splits, stops } = await surveyData(at('trained'), { ...options, evalEvery: 0 });
    expect([Object.keys(splits), stops]).toEqual([['train'], []]);
    const divided = await surveyData(at('trained'), { ...options, valSplit: 'classes:0.25' });
    expect([divided.splits.train!.classes, divided.splits.val!.classes, divided.stops]).toEqual([3, 1, []]);
  });

  it('goes on with one split when the other is missing, and refuses data without any', async () => {
    await writeImageFolder(at('half'));
    await rm(at('half/val'), { recursive: true });
    const { splits, stops } = await surveyData(at('half'), options);
    expect(Object.keys(splits)).toEqual(['train']);
    expect(stops).toEqual([expect.stringMatching(/has no folder val\/ inside/)]);
    await expect(surveyData(at('nowhere'), options)).rejects.toThrow(UserError);
  });

  it('tells an empty class folder, and all that is found beside it, as if it were removed', async () => {
    await writeImageFolder(at('empty'));
    await mkdir(at('empty/train/nothing'));
    await mkdir(at('empty/val/nothing'));
    await writeFiles(at('empty'), { 'train/train-0/cut.png': 'x', 'val/none/1.heic': 'x' });
    const { splits, stops } = await surveyData(at('empty'), options);
    expect([splits.train!.classes, splits.val!.classes, splits.train!.imagesPerClass.min]).toEqual([4, 4, 3]);
    expect(paths(splits.train!.bad)).toEqual([at('empty/train/train-0/cut.png')]);
    expect(stops).toEqual([
      expect.stringMatching(/1 of 5 class folders hold no image:\n {2}nothing\nRemove/),
      expect.stringMatching(/2 of 6 class folders hold no image:\n {2}none\n {2}nothing\nThey hold:\n {2}1 HEIC/),
      expect.stringMatching(/^1 of 13 images of train cannot be read/),
    ]);
    await rm(at('empty/val'), { recursive: true });
    const divided = await surveyData(at('empty'), { ...options, valSplit: 'classes:0.25' });
    expect([divided.splits.train!.classes, divided.splits.val!.classes]).toEqual([3, 1]);
    expect(divided.stops[0]).toMatch(/1 of 5 class folders hold no image/);
  });

  it('looks at the images of a split that has too few, and says so once', async () => {
    await writeFiles(at('one'), {
      ...{ 'train/a/1.png': pattern(9, 9), 'train/a/2.png': 'x' },
      ...{ 'val/a/1.png': pattern(8, 9), 'val/b/1.png': pattern(7, 9) },
    });
    const { splits, stops } = await surveyData(at('one'), options);
    expect(paths(splits.train!.bad)).toEqual([at('one/train/a/2.png')]);
    expect(stops).toEqual([
      expect.stringMatching(/one class only/),
      expect.stringMatching(/no class with two images/),
      expect.stringMatching(/^1 of 2 images of train cannot be read/),
    ]);
  });

  it('tells lines of a manifest that cannot be used, and looks at the others', async () => {
    await writeImageFolder(at('lines'));
    const rows = ['train', 'val'].flatMap((split) =>
      Array.from({ length: 12 }, (_, i) => `${split}/${split}-${Math.floor(i / 3)}/${i % 3}.png,${i % 4},${split}`),
    );
    const bad = ['train/train-0,0,train', '../x.png,0,train', 'val/val-0/0.png,0,train', 'x.png,,val'];
    await writeFiles(at('lines'), { 'list.csv': ['path,label,split', ...rows, ...bad].join('\n') });
    const { splits, stops } = await surveyData(at('lines/list.csv'), options);
    expect([splits.train!.images, splits.val!.images, splits.train!.bad]).toEqual([12, 12, []]);
    expect(stops).toEqual([
      expect.stringMatching(/1 of its lines cannot be used:\n {2}line 29: the label is empty/),
      expect.stringMatching(/3 of its lines cannot be used:[^]*line 26: [^]*line 27: [^]*line 28: /),
    ]);
  });

  it('tells files that a manifest lists and that are not there', async () => {
    await writeImageFolder(at('listed'));
    await symlink('nowhere.png', at('listed/broken.png'));
    const rows = ['train-0/0', 'train-0/1', 'train-1/0', 'train-1/1'].map(
      (name) => `train/${name}.png,${name[6]},train`,
    );
    const val = ['val/val-0/0.png,x,val', 'val/val-0/1.png,x,val', 'none.png,x,val', 'broken.png,x,val'];
    await writeFiles(at('listed'), { 'list.csv': ['path,label,split', ...rows, ...val].join('\n') });
    const { splits } = await surveyData(at('listed/list.csv'), options);
    expect(paths(splits.val!.bad)).toEqual([at('listed/broken.png'), at('listed/none.png')]);
    expect(splits.val!.bad.map(({ kind }) => kind)).toEqual(['missing', 'missing']);
    expect(splits.train!.bad).toEqual([]);
  });
});
