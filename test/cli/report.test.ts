import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { optionTexts } from '../../src/cli/option-texts.js';
import { optionTable } from '../../src/runner/reproduce/options.js';
import { writeImageFolder } from '../helpers/images.js';
import { temporaryFolder } from '../runner/data/images.js';
import { trainSmall } from '../runner/training/train-options.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await trainSmall({ dataPath: at('data'), out: at('run') });
});

describe('dws report', () => {
  it('writes a page and says how large it is', async () => {
    const { code, stdout, stderr } = await dws(['report', at('run'), '-o', at('page.html'), '--workers', '0']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^.*page\.html: [\d.]+ MB; open it in a browser\n$/);
    expect(await readFile(at('page.html'), 'utf8')).toMatch(/^<!doctype html>/);
  });

  it('refuses a folder without a run in one line', async () => {
    const { code, stderr } = await dws(['report', at('data'), '-o', at('none.html')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dws: .*has no run\.json/);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('can tell what each recorded option means', () => {
    expect(Object.keys(optionTable).filter((name) => !optionTexts[name])).toEqual([]);
  });
});
