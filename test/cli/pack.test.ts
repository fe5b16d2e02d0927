/** `dws pack`, and what takes a pack in place of a folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeImageFolder } from '../helpers/images.js';
import { temporaryFolder, writeFiles } from '../runner/data/images.js';
import { dws, main } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await writeFiles(at('data'), { 'train/train-0/bad\n.png': 'none' });
});

describe('dws pack', () => {
  it('stops for what cannot be read, and leaves nothing', async () => {
    const { code, stderr } = await dws(['pack', at('data'), at('data.pack'), '--image-size', '16']);
    expect(stderr).toMatch(/^dws: 1 of 25 images in .* cannot be read:\n.*bad\\n\.png: .*\n.*--skip-bad/);
    expect(code).toBe(1);
    expect(await readdir(folder.path)).toEqual(['data']);
  });

  it('says what it has packed, which check then takes', async () => {
    const packed = await dws(['pack', at('data'), at('data.pack'), '--image-size', '16', '--skip-bad']);
    expect(packed.stdout).toMatch(
      /can't be read: .*bad\\n\.png: .*\n.*data\.pack: 24 images of 16 px, 1 left out, 0\.0 MB\n {2}train {2}12 images of 4 classes, 1 left out\n {2}val {4}12 images of 4 classes\n$/,
    );
    expect([packed.code, packed.stderr]).toEqual([0, '']);
    const batch = ['--batch-size', '4', '--batch-k', '2'];
    const checked = await dws(['check', at('data.pack'), '--skip-bad', ...batch]);
    expect(checked.stdout).toMatch(
      /data\.pack: a pack\n[^]*train\/train-0\/bad\\n\.png: [^]*A training would run\.\n$/,
    );
    expect(checked.code).toBe(0);
  });

  it('names the argument that is no path, and the split of a pack that a training would stop for', async () => {
    for (const args of [
      [at('data'), ''],
      ['', at('x.pack')],
    ]) {
      const { code, stderr } = await dws(['pack', ...args]);
      expect(stderr).toMatch(/^dws: .*argument value '' is invalid for argument '(data|file)'\. Give a path\./);
      expect(code).toBe(1);
    }
    const checked = await dws(['check', at('data.pack'), '--skip-bad']);
    expect(checked.stdout).toMatch(/\n.*data\.pack \(train\): 4 of 4 classes have fewer than 5 images/);
  });

  it('says of images without a split what becomes of them', async () => {
    const { stdout } = await dws(['pack', at('data/val'), at('bare.pack'), '--image-size', '16']);
    expect(stdout).toMatch(
      /\n {2}all {4}12 images of 4 classes\n {2}no validation images: --val-split takes some .*\n$/,
    );
  });

  it('leaves nothing when it is stopped by Ctrl-C', async () => {
    const before = await readdir(folder.path);
    const args = ['pack', at('data'), at('stopped.pack'), '--image-size', '3000', '--skip-bad', '--workers', '1'];
    const child = spawn(process.execPath, [main, ...args], { stdio: 'ignore' });
    const ended = once(child, 'close');
    while ((await readdir(folder.path)).length === before.length && child.exitCode === null) await setTimeout(20);
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(await readdir(folder.path)).toEqual(before);
  });

  it('removes what a killed one has left at that place', async () => {
    const before = await readdir(folder.path);
    const args = ['pack', at('data'), at('killed.pack'), '--skip-bad', '--workers', '1', '--image-size'];
    const child = spawn(process.execPath, [main, ...args, '3000'], { stdio: 'ignore' });
    const ended = once(child, 'close');
    const isLeft = async () => (await readdir(folder.path)).some((name) => /^killed\.pack\.[0-9a-f]+\.tmp$/.test(name));
    while (!(await isLeft()) && child.exitCode === null) await setTimeout(20);
    child.kill('SIGKILL');
    await ended;
    expect(await isLeft()).toBe(true);
    expect((await dws([...args, '8'])).code).toBe(0);
    expect(await readdir(folder.path)).toEqual([...before, 'killed.pack'].sort());
  });
});
