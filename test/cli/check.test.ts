/** `dws check`, and what a training does with the same folder. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Survey } from '../../src/runner/survey/survey.js';
import { writeImageFolder } from '../helpers/images.js';
import { pattern, temporaryFolder, truncated, writeFiles } from '../runner/data/images.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const batch = ['--batch-size', '4', '--batch-k', '2', '--workers', '0'];
const check = (...args: string[]) => dws(['check', ...args, ...batch]);

beforeAll(async () => {
  await writeImageFolder(at('good'));
  await writeImageFolder(at('bad'));
  await writeFiles(at('bad'), {
    'train/train-0/new\nline.jpg': 'no image',
    'train/train-1/none.png': '',
    'train/train-1/😀.png': pattern(30, 20),
    'val/val-0/copy.png': pattern(30, 20),
    'whole.jpg': pattern(64, 64),
  });
  await truncated(at('bad/whole.jpg'), at('bad/val/val-1/cut.jpg'), 0.5);
});

describe('dws check', () => {
  it('says that good data would train', async () => {
    const { code, stdout, stderr } = await check(at('good'));
    expect(stdout).toMatch(/good: an image folder\n[^]*images +12 +12\nclasses +4 +4\n[^]*A training would run\.\n$/);
    expect([code, stderr]).toEqual([0, '']);
  });

  it('groups what it finds, escapes names, and says why a training would stop', async () => {
    const { code, stdout } = await check(at('bad'));
    expect(stdout).toContain('cannot be read, no image: 1\n  train/train-0/new\\nline.jpg: ');
    expect(stdout).toContain('cannot be read, empty: 1\n  train/train-1/none.png: the file is empty (0 bytes)\n');
    expect(stdout).toContain('cannot be read, damaged: 1\n  val/val-1/cut.jpg: ');
    expect(stdout).toMatch(/unusual, name: 1 \(.*\)\n {2}train\/train-1\/😀\.png\n/);
    expect(stdout).toMatch(
      /the same content: 1 image in train and in val.*\n {2}train\/train-1\/😀\.png = val\/val-0\/copy\.png\n/,
    );
    expect(stdout).toMatch(
      /A training would stop:\n2 of 15 images of train cannot be read.*\n1 of 14 images of val cannot be read/,
    );
    expect(code).toBe(1);
  });

  it('tells an empty class folder among what it finds, in the words that a training refuses it with', async () => {
    await writeImageFolder(at('empty'));
    await mkdir(at('empty/train/nothing'));
    await writeFiles(at('empty'), { 'train/train-1/none.png': '' });
    const { code, stdout, stderr } = await check(at('empty'));
    expect(stdout).toContain('cannot be read, empty: 1\n  train/train-1/none.png: ');
    const refused = `${at('empty/train')}: 1 of 5 class folders hold no image:\n  nothing\nRemove them or add images`;
    expect(stdout).toContain(`A training would stop:\n${refused}`);
    expect([code, stderr]).toEqual([1, '']);
    const training = await dws(['train', '--data-path', at('empty'), '--out', at('empty-run'), ...batch]);
    expect(training.stderr).toContain(refused);
    expect(training.code).toBe(1);
  });

  it('writes the bad paths, and everything as JSON', async () => {
    const { code, stdout } = await check(at('bad'), '--json', '--skip-bad', '--list', at('list.txt'));
    const survey = JSON.parse(stdout) as Survey;
    const bad = Object.values(survey.splits).flatMap((split) => split.bad.map((image) => image.path));
    const lines = (await readFile(at('list.txt'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (line.startsWith('"') ? (JSON.parse(line) as string) : line))).toEqual(bad);
    expect(bad).toEqual([
      at('bad/train/train-0/new\nline.jpg'),
      at('bad/train/train-1/none.png'),
      at('bad/val/val-1/cut.jpg'),
    ]);
    expect(survey.stops).toEqual([]);
    expect(code).toBe(0);
  });

  it('writes an empty list when nothing is bad', async () => {
    expect((await check(at('good'), '--list', at('none.txt'))).code).toBe(0);
    expect(await readFile(at('none.txt'), 'utf8')).toBe('');
  });

  it('refuses what is no data', async () => {
    const { code, stdout, stderr } = await check(at('nowhere'));
    expect(stderr).toMatch(/^dws: the data .*nowhere does not exist/);
    expect([code, stdout]).toEqual([1, '']);
  });
});

describe('dws train', () => {
  it('takes a manifest, and leaves out what it lists and cannot be read', async () => {
    const rows = ['train', 'val'].flatMap((split) =>
      Array.from({ length: 12 }, (_, i) => `${split}/${split}-${Math.floor(i / 3)}/${i % 3}.png,${i % 4},${split}`),
    );
    const bad = ['"train/train-0/new\nline.jpg",0,train', 'train/none.png,1,train', 'val/val-1/cut.jpg,1,val'];
    await writeFiles(at('bad'), { 'list.csv': ['path,label,split', ...rows, ...bad].join('\n') });
    const network = ['--model', 'resnet18', '--image-size', '32', '--epochs', '1', '--batch-num', '1'];
    const train = ['train', '--data-path', at('bad/list.csv'), '--out', at('run'), ...network, ...batch];
    const refused = await dws(train);
    expect(refused.stderr).toMatch(
      /list\.csv: 1 of its lines cannot be used:\n {2}line 28: "train\/none\.png" is not there/,
    );
    expect(refused.code).toBe(1);
    const { code, stdout } = await dws([...train, '--skip-bad']);
    expect(stdout).toContain('3 images cannot be read and are left out');
    expect(stdout).toContain('train-0/new\\nline.jpg: ');
    expect(code).toBe(0);
  });
});
