/** `dws eval` and `dws embed`, through the built program. */
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Evaluation } from '../../src/runner/evaluation/evaluate.js';
import { pattern, temporaryFolder, writeFiles } from '../runner/data/images.js';
import { writeCheckpoint } from '../web/small-model.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const names = ['val/cups/1.png', 'val/cups/2.png', 'val/hats/1.png', 'val/hats/2.png', 'val/lamps/1.png'];

beforeAll(async () => {
  await writeCheckpoint(at('small.safetensors'));
  await writeFiles(at('data'), Object.fromEntries(names.map((name, seed) => [name, pattern(20, 30, 3, seed)])));
});

const run = (command: string, ...args: string[]) =>
  dws([command, '--checkpoint', at('small.safetensors'), '--workers', '0', '--threads', '1', ...args], {
    cwd: folder.path,
  });

describe('dws eval', () => {
  it('tells the k that are asked for and 1, and how high they can be where a class has one image', async () => {
    const { code, stdout, stderr } = await run('eval', '--data-path', at('data'), '--ks', '100,3');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/Recall@1 +Recall@3 +Recall@100\nval/);
    expect(stdout).toContain(
      '1 of 5 queries has no other image of their class to find: no Recall@k can be above 0.8000.',
    );
    expect(stdout).toMatch(/val( +\d\.\d{4}){2} +0\.8000\n/);
  });

  it('prints everything as JSON', async () => {
    const { code, stdout } = await run('eval', '--data-path', at('data'), '--metrics', 'all', '--json');
    const { recall, metrics, ...counts } = JSON.parse(stdout) as Evaluation;
    expect(code).toBe(0);
    expect(Object.keys(recall)).toEqual(['1', '2', '4', '8', '16']);
    expect(Object.keys(metrics!)).toEqual(
      ['precision_at_1', 'r_precision', 'mean_average_precision_at_r', 'NMI', 'AMI'].map(String),
    );
    expect(counts).toMatchObject({
      ...{ images: 5, classes: 3, skipped: [] },
      ...{ queries: 5, gallery: 5, isApart: false, distractors: 0, alone: 1, ceiling: 0.8 },
    });
  });

  it.each(['0', 'x', '', '1,2.5', Array.from({ length: 17 }, (_, i) => i + 1).join()])(
    'refuses --ks %s in one line that says what to give',
    async (ks) => {
      const { code, stderr } = await run('eval', '--data-path', at('data'), '--ks', ks);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/--ks/);
      expect(stderr).toMatch(/whole number/);
      expect(stderr).not.toMatch(/\n {4}at /);
    },
  );
});

describe('dws embed', () => {
  it('writes what the ending of -o says', async () => {
    const { code, stdout } = await run('embed', at('data'), '-o', 'out/some.csv');
    expect(code).toBe(0);
    expect(stdout).toContain('5 embeddings of 16 dimensions: out/some.csv\n');
    expect((await readFile(at('out/some.csv'), 'utf8')).split('\n')[0]).toMatch(/^path,e0,e1,.*,e15$/);
  });

  it('writes embeddings.npy, or what --format says, where nothing is named', async () => {
    expect((await run('embed', at('data'))).stdout).toContain('embeddings.npy, embeddings.txt');
    expect((await run('embed', at('data'), '--format', 'parquet')).stdout).toContain(': embeddings.parquet');
  });

  it.each<[string[], RegExp]>([
    [['-o', 'wrong/some.txt'], /some\.txt: its ending decides .*\.npy, \.csv, \.jsonl, \.parquet/],
    [['-o', 'wrong/some.csv', '--format', 'npy'], /--format npy with --out wrong\/some\.csv, which is a csv/],
  ])('refuses %j before it looks at anything', async (args, message) => {
    const { code, stderr } = await run('embed', at('data'), ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(await readdir(folder.path)).not.toContain('wrong');
  });
});
