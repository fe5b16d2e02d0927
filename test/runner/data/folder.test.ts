import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageExtensions, isImageName, openImageFolder } from '../../../src/runner/data/folder.js';
import { UserError } from '../../../src/runner/errors.js';
import { temporaryFolder, writeFiles } from './images.js';

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

  it('passes over hidden entries, other files and folders inside of classes', async () => {
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
    expect(set.images.map((image) => path.basename(image.path))).toEqual(['1.png', '1.png']);
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
    expect(isImageName('A.JPeG')).toBe(true);
    expect(['a.txt', '.a.png', 'png'].filter(isImageName)).toEqual([]);
  });
});
