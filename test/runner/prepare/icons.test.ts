import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { create } from 'tar';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { iconSets } from '../../../src/runner/prepare/icon-sets.js';
import type { IconSet } from '../../../src/runner/prepare/icon-sets.js';
import { prepareIcons } from '../../../src/runner/prepare/icons.js';
import type { PrepareOptions } from '../../../src/runner/prepare/icons.js';
import { tarballName } from '../../../src/runner/prepare/packages.js';

const SETS = ['one', 'two', 'three', 'four', 'five', 'six'];
const rect = (fill: string): { body: string } => ({ body: `<rect width="8" height="16" fill="${fill}"/>` });

/** Icons by set: `Bee` and `ant` are in five, `cat` in six, `dog` in four and, as an alias, in a fifth. */
const iconsOf = (set: string): Record<string, object> => ({
  ...(set !== 'six' && { Bee: rect('#ff0000') }),
  ...(set !== 'one' && { ant: { ...rect('#0000ff'), width: 8 } }),
  cat: {
    body: '<g transform="translate(4 4)"><rect width="8" height="8" fill="#00ff00"/></g>',
    left: 4,
    top: 4,
    width: 8,
    height: 8,
  },
  ...(['one', 'two', 'three', 'four'].includes(set) && { dog: rect('#000000') }),
});

let root: string;
let cacheFolder: string;
let sets: IconSet[];
let target: string;

async function makePackage(set: string, icons: Record<string, object>): Promise<IconSet> {
  const pinned = { name: `@test/${set}`, version: '1.0.0' };
  const source = join(root, 'sources', set);
  await mkdir(join(source, 'package'), { recursive: true });
  const json = { prefix: set, icons, aliases: { dog: { parent: 'cat' } } };
  await writeFile(join(source, 'package', 'icons.json'), JSON.stringify(json));
  await writeFile(join(source, 'package', 'other.json'), '{}');
  const tarball = join(cacheFolder, tarballName({ ...pinned, integrity: '' }));
  await create({ cwd: source, gzip: true, file: tarball, portable: true }, ['package']);
  const integrity = `sha512-${createHash('sha512')
    .update(await readFile(tarball))
    .digest('base64')}`;
  return {
    ...pinned,
    ...{ set, integrity, title: `Set ${set}`, author: 'A', source: 'S', license: 'MIT', licenseUrl: 'U' },
  };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dws-icons-'));
  cacheFolder = join(root, 'cache');
  await mkdir(cacheFolder);
  sets = await Promise.all(SETS.map((set) => makePackage(set, iconsOf(set))));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  target = join(await mkdtemp(join(root, 'test-')), 'icons');
});

const prepare = (options: PrepareOptions = {}): ReturnType<typeof prepareIcons> =>
  prepareIcons(target, {
    sets,
    cacheFolder,
    fetchPackage: () => Promise.reject(new Error('tests have no network')),
    ...options,
  });

const pixel = async (path: string, x: number, y: number): Promise<number[]> => {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([128, 128, 3]);
  return [...data.subarray(3 * (128 * y + x), 3 * (128 * y + x) + 3)];
};

describe('prepareIcons', () => {
  it('makes a class of each icon that five sets draw themselves, in turn for train and val', async () => {
    const result = await prepare();
    expect(result).toEqual({
      folder: target,
      created: true,
      train: { classes: 2, images: 11 },
      val: { classes: 1, images: 5 },
    });
    expect((await readdir(join(target, 'train'))).sort()).toEqual(['Bee', 'cat']);
    expect(await readdir(join(target, 'val'))).toEqual(['ant']);
    expect((await readdir(join(target, 'train', 'cat'))).sort()).toEqual(SETS.map((set) => `${set}.png`).sort());
    expect(await readdir(join(target, 'train', 'Bee'))).not.toContain('six.png');
  });

  it('draws at 128 pixels on white, with the view box of the icon or its set', async () => {
    await prepare();
    const bee = join(target, 'train', 'Bee', 'one.png');
    expect([await pixel(bee, 32, 64), await pixel(bee, 96, 64)]).toEqual([
      [255, 0, 0],
      [255, 255, 255],
    ]);
    const cat = join(target, 'train', 'cat', 'one.png');
    expect([await pixel(cat, 1, 1), await pixel(cat, 126, 126)]).toEqual([
      [0, 255, 0],
      [0, 255, 0],
    ]);
    const narrow = join(target, 'val', 'ant', 'two.png');
    expect([await pixel(narrow, 16, 64), await pixel(narrow, 64, 64)]).toEqual([
      [255, 255, 255],
      [0, 0, 255],
    ]);
  });

  it('names each set, its version, license and source', async () => {
    await prepare();
    const text = await readFile(join(target, 'LICENSES.md'), 'utf8');
    for (const set of SETS) expect(text).toContain(`| ${set} | Set ${set} | A | [MIT](U) | S | @test/${set} 1.0.0 |`);
  });

  it('gives the same bytes again', async () => {
    await prepare();
    const first = await readFile(join(target, 'train', 'cat', 'one.png'));
    await rm(target, { recursive: true });
    await prepare();
    expect(await readFile(join(target, 'train', 'cat', 'one.png'))).toEqual(first);
  });

  it('leaves a finished folder as it is, without the packages', async () => {
    const first = await prepare();
    const path = join(target, 'train', 'cat', 'one.png');
    const { mtimeMs } = await stat(path);
    const again = await prepare({ cacheFolder: join(root, 'no-cache'), onProgress: () => expect.unreachable() });
    expect(again).toEqual({ ...first, created: false });
    expect((await stat(path)).mtimeMs).toBe(mtimeMs);
  });

  it('starts again after an interrupted run, which leaves nothing under the name itself', async () => {
    const partial = `${target}.partial-abc123`;
    await mkdir(join(partial, 'train', 'cat'), { recursive: true });
    await writeFile(join(partial, 'train', 'cat', 'one.png'), 'half');
    await prepare();
    expect(await readdir(dirname(target))).toEqual(['icons']);
  });

  it('fills an empty folder', async () => {
    await mkdir(target);
    expect((await prepare()).created).toBe(true);
  });

  it.runIf(process.platform !== 'win32')('fills the folder that a link leads to, which stays a link', async () => {
    const real = join(dirname(target), 'disk');
    await mkdir(real);
    await symlink('disk', target);
    await prepare();
    expect(await readlink(target)).toBe('disk');
    expect((await readdir(real)).sort()).toEqual(['LICENSES.md', 'prepared.json', 'train', 'val']);
  });

  it('tells how far it is', async () => {
    const seen: string[] = [];
    await prepare({ onProgress: ({ stage, done, total }) => seen.push(`${stage} ${done}/${total}`) });
    expect(seen.filter((line) => !line.startsWith('draw'))).toEqual([
      ...Array.from({ length: 7 }, (_, done) => `fetch ${done}/6`),
      ...Array.from({ length: 7 }, (_, done) => `read ${done}/6`),
    ]);
    expect([seen[14], seen.at(-1)]).toEqual(['draw 0/16', 'draw 16/16']);
  });

  it('refuses a folder that holds something else, and a file', async () => {
    await mkdir(target);
    await writeFile(join(target, 'photo.jpg'), '');
    await expect(prepare()).rejects.toThrow(`${target} is not empty and was not made by this command`);
    await expect(prepareIcons(join(target, 'photo.jpg'))).rejects.toThrow('photo.jpg is a file or a device');
    expect(await readdir(target)).toEqual(['photo.jpg']);
  });

  it('refuses a folder of other versions', async () => {
    await prepare();
    const newer = sets.map((set) => ({ ...set, version: '2.0.0' }));
    await expect(prepare({ sets: newer })).rejects.toThrow(/holds icons of other versions: .*"one":"1.0.0"/);
  });

  it('counts and names icons that cannot be drawn, and leaves nothing behind', async () => {
    const broken = await makePackage('broken', { ant: { body: '<g>' }, cat: rect('#000000') });
    const error: unknown = await prepare({ sets: [...sets, broken] }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(/^1 of 18 icons could not be drawn: broken\/ant /);
    expect(await readdir(dirname(target))).toEqual([]);
  });
});

describe('iconSets', () => {
  it('pins eight sets with a SHA-512 each', () => {
    expect(new Set(iconSets.map(({ set }) => set)).size).toBe(8);
    for (const { integrity } of iconSets) expect(integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
  });
});
