import { chmod, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openImageFolder } from '../../../src/runner/data/folder.js';
import { formatByName, imageExtensions } from '../../../src/runner/data/image-formats.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { passedOverLines } from '../../../src/runner/data/passed-over.js';
import { pattern, temporaryFolder, writeFiles } from './images.js';

const folder = temporaryFolder();
const files = (...names: string[]) => Object.fromEntries(names.map((name) => [name, 'x']));

async function failure(dataPath: string, split: 'train' | 'val'): Promise<string> {
  const error = await openImageFolder(dataPath, split).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe('openImageFolder', () => {
  it('sorts classes and files by code unit and labels classes by their place', async () => {
    const root = path.join(folder.path, 'sorted');
    await writeFiles(
      root,
      files('train/b/2.png', 'train/b/10.png', 'train/B/x.JPG', 'train/a/é.webp', 'train/a/z.avif'),
    );
    const set = await openImageFolder(root, 'train');
    expect(set.root).toBe(path.join(root, 'train'));
    expect(set.classes).toEqual(['B', 'a', 'b']);
    expect(set.images.map(({ path: file, label }) => [path.relative(set.root, file), label])).toEqual([
      [path.join('B', 'x.JPG'), 0],
      [path.join('a', 'z.avif'), 1],
      [path.join('a', 'é.webp'), 1],
      [path.join('b', '10.png'), 2],
      [path.join('b', '2.png'), 2],
    ]);
  });

  it('passes over hidden entries and other files, tells which, and reads folders inside of a class as the class', async () => {
    const root = path.join(folder.path, 'hidden');
    await writeFiles(
      root,
      files(
        'train/.cache/1.png',
        'train/list.txt',
        'train/x.png',
        'train/a/1.png',
        'train/a/.2.png',
        'train/a/notes.txt',
      ),
    );
    await writeFiles(root, files('train/b/1.png', 'train/b/deeper/2.png', 'train/b/folder.png/3.png'));
    const set = await openImageFolder(root, 'train');
    expect(set.classes).toEqual(['a', 'b']);
    const inside = (file: string) => path.relative(set.root, file);
    expect(set.images.map((image) => [inside(image.path), image.label])).toEqual([
      ['a/1.png', 0],
      ['b/1.png', 1],
      ['b/deeper/2.png', 1],
      ['b/folder.png/3.png', 1],
    ]);
    const passed = set.passedOver!.map((each) => [inside(each.path), each.kind]);
    expect(passed.sort()).toEqual([
      ['.cache', 'hidden'],
      ['a/.2.png', 'hidden'],
      ['a/notes.txt', 'no image'],
      ['list.txt', 'no image'],
      ['x.png', 'in no class folder'],
    ]);
  });

  it('looks at the first bytes of files whose names do not tell, and names formats that are not read', async () => {
    const root = path.join(folder.path, 'odd');
    const png = await pattern(4, 4).png().toBuffer();
    const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
    await writeFiles(root, {
      ...{
        'train/a/photo': png,
        'train/a/photo.jpg_large': png,
        'train/a/IMG_1.HEIC': heic,
        'train/a/IMG_2.heic': png,
      },
      ...{
        'train/a/x.jp2': 'x',
        'train/a/raw.dng': 'II*\0',
        'train/a/scan': heic,
        'train/a/readme': 'text',
        'train/a/none': '',
      },
      ...{ 'train/a/x.v': 'x', 'train/b/1.bmp': 'x', 'train/b/2.PPM': 'x', 'train/b/@eaDir/1.bmp': 'x' },
      ...{ 'train/__MACOSX/1.png': png, 'train/.ipynb_checkpoints/1.png': png, 'train/b/__MACOSX/1.png': png },
    });
    const { classes, images, passedOver } = await openImageFolder(root, 'train');
    expect(classes).toEqual(['a', 'b']);
    expect(images.map((image) => path.basename(image.path))).toEqual([
      ...['IMG_2.heic', 'photo', 'photo.jpg_large'],
      ...['1.bmp', '2.PPM'],
    ]);
    expect(passedOverLines(passedOver!, root)).toEqual([
      '2 HEIC, a format that is not read; save it as JPEG or PNG (train/a/IMG_1.HEIC ...)',
      '2 no image, by its name, or by its first bytes where the name does not tell (train/a/none ...)',
      '1 camera raw, a format that is not read; save it as JPEG or PNG (train/a/raw.dng)',
      '1 JPEG 2000, a format that is not read; save it as JPEG or PNG (train/a/x.jp2)',
      '1 libvips, a format that is not read; save it as JPEG or PNG (train/a/x.v)',
    ]);
    expect(
      passedOver!
        .filter(({ isHidden }) => isHidden)
        .map((each) => path.relative(root, each.path))
        .sort(),
    ).toEqual([...['train/.ipynb_checkpoints', 'train/__MACOSX', 'train/b/@eaDir', 'train/b/__MACOSX']]);
  });

  it('says what empty class folders hold instead', async () => {
    const root = path.join(folder.path, 'phone');
    await writeFiles(root, files('train/a/1.png', 'train/b/1.heic', 'train/b/2.heic'));
    expect(await failure(root, 'train')).toMatch(
      /1 of 2 class folders hold no image:\n {2}b\nThey hold:\n {2}2 HEIC, a format/,
    );
    await writeFiles(path.join(folder.path, 'flat'), files('train/1.heic', 'train/1.jpg'));
    expect(await failure(path.join(folder.path, 'flat'), 'train')).toMatch(
      /no class folders inside\. It holds:\n[^]*1 in no class folder, move it/,
    );
  });

  it.each([
    [['Train', 'VALID'], 'Train', 'VALID', []],
    [['training', 'validation'], 'training', 'validation', []],
    [['train', 'test'], 'train', 'test', []],
    [['train', 'val', 'test', 'Val'], 'train', 'val', ['Val', 'test']],
  ])('takes the splits of %j', async (names, train, val, unused) => {
    const root = path.join(folder.path, names.join('-'));
    await writeFiles(
      root,
      files(...names.flatMap((name) => [`${name}/a/1.png`, `${name}/a/2.png`, `${name}/b/1.png`])),
    );
    expect((await openImageFolder(root, 'train')).root).toBe(path.join(root, train));
    const set = await openImageFolder(root, 'val');
    expect(set.root).toBe(path.join(root, val));
    expect((set.passedOver ?? []).map((each) => [path.basename(each.path), each.kind, each.reason])).toEqual(
      unused.map((name) => [name, 'another split', `${val} is used instead`]),
    );
  });

  it('tells of images, and folders of them, that lie in no split', async () => {
    const root = path.join(folder.path, 'beside');
    await writeFiles(
      root,
      files(
        'train/a/1.png',
        'train/b/1.png',
        'val/a/1.png',
        'val/a/2.png',
        'photo.png',
        'more/deep/2.jpg',
        'notes/a.txt',
        'b.csv',
        'Test/a/1.png',
        '.cache/1.png',
      ),
    );
    const set = await openImageFolder(root, 'train');
    expect(passedOverLines(set.passedOver!, root)).toEqual([
      expect.stringMatching(/^2 beside the splits, with images: move them .* \((photo\.png|more) \.\.\.\)$/),
    ]);
    expect(set.passedOver!.map((each) => path.basename(each.path)).sort()).toEqual(['more', 'photo.png']);
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'is not kept from its splits by a folder beside them that may not be read',
    async () => {
      const root = path.join(folder.path, 'closed');
      await writeFiles(root, files('train/a/1.png', 'train/b/1.png', 'private/1.png'));
      await chmod(path.join(root, 'private'), 0);
      const set = await openImageFolder(root, 'train');
      await chmod(path.join(root, 'private'), 0o755);
      expect(set.passedOver).toBeUndefined();
    },
  );

  it('joins query/ and gallery/ into one set with roles, distractors included', async () => {
    const root = path.join(folder.path, 'roles');
    await writeFiles(
      root,
      files('query/a/1.png', 'gallery/a/2.png', 'gallery/b/1.png', 'train/a/1.png', 'train/c/1.png'),
    );
    const { classes, images, roles, root: joined } = await openImageFolder(root, 'val');
    expect(classes).toEqual(['a', 'b']);
    expect(images.map((image, i) => [path.relative(joined, image.path), image.label, roles![i]])).toEqual([
      ['gallery/a/2.png', 0, { isQuery: false, isGallery: true }],
      ['query/a/1.png', 0, { isQuery: true, isGallery: false }],
      ['gallery/b/1.png', 1, { isQuery: false, isGallery: true }],
    ]);
    await writeFiles(path.join(folder.path, 'apart'), files('query/a/1.png', 'query/a/2.png', 'gallery/b/1.png'));
    expect(await failure(path.join(folder.path, 'apart'), 'val')).toMatch(/no query with another image of its class/);
  });

  it('follows links to files and to class folders', async () => {
    const root = path.join(folder.path, 'links');
    await writeFiles(root, files('elsewhere/1.png', 'train/a/1.png', 'train/c/1.png'));
    await symlink(path.join(root, 'elsewhere'), path.join(root, 'train/b'));
    await symlink(path.join(root, 'elsewhere/1.png'), path.join(root, 'train/a/2.png'));
    await symlink(path.join(root, 'nowhere'), path.join(root, 'train/broken'));
    const set = await openImageFolder(root, 'train');
    expect(set.classes).toEqual(['a', 'b', 'c']);
    expect(set.images.map(({ label }) => label)).toEqual([0, 0, 1, 2]);
  });

  it('says what is missing', async () => {
    const root = path.join(folder.path, 'missing');
    expect(await failure(root, 'train')).toMatch(/missing does not exist.*CLASS/);
    await writeFiles(root, files('file.txt', 'val/a/1.png'));
    expect(await failure(path.join(root, 'file.txt'), 'train')).toMatch(/file\.txt is not a folder/);
    expect(await failure(root, 'train')).toMatch(/no folder train\/ inside/);
    await writeFiles(root, files('train'));
    expect(await failure(root, 'train')).toMatch(/train is not a folder/);
  });

  it('refuses a split without classes, and class folders without images', async () => {
    const root = path.join(folder.path, 'empty');
    await mkdir(path.join(root, 'train'), { recursive: true });
    expect(await failure(root, 'train')).toMatch(/no class folders/);
    await writeFiles(root, files('train/a/1.png', 'train/b/1.png'));
    for (let i = 0; i < 12; i++) await mkdir(path.join(root, 'train', `none${i}`));
    expect(await failure(root, 'train')).toMatch(/12 of 14 class folders hold no image:\n {2}none0\n[^]*and 2 more/);
  });

  it('refuses to train on one class, and to evaluate without a class of two images', async () => {
    const root = path.join(folder.path, 'few');
    await writeFiles(root, files('train/a/1.png', 'train/a/2.png', 'val/a/1.png', 'val/b/1.png'));
    expect(await failure(root, 'train')).toMatch(/one class only/);
    expect(await failure(root, 'val')).toMatch(/no class with two images/);
    await writeFiles(root, files('val/b/2.png'));
    expect((await openImageFolder(root, 'val')).images).toHaveLength(3);
  });
});

describe('imageExtensions', () => {
  it('holds the formats that users have', () => {
    const common = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff', '.svg'];
    expect(imageExtensions).toEqual(expect.arrayContaining(common));
    expect(formatByName('A.JPeG')).toMatchObject({ name: 'JPEG', isRead: true });
    expect(['a.txt', 'png'].map(formatByName)).toEqual([undefined, undefined]);
  });
});
