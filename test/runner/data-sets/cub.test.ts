import { rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openData } from '../../../src/runner/data-sets/open-data.js';
import { temporaryFolder } from '../data/images.js';
import { contents, cubLists, makeFiles, refusal } from './folders.js';

const folder = temporaryFolder();
const { images, lists } = cubLists();
let place = '';
let made = 0;

beforeEach(async () => {
  place = path.join(folder.path, `cub-${made++}`);
  await makeFiles(place, [...images.map((name) => `images/${name}`), 'train_test_split.txt', 'README'], lists);
});

const write = (name: string, text: string | Uint8Array) => writeFile(path.join(place, name), text);

describe('CUB-200-2011', () => {
  it('trains on classes 1 to 100 and evaluates on 101 to 200', async () => {
    const train = await openData(place, 'train');
    const val = await openData(place, 'val');
    expect(train.classes).toHaveLength(100);
    expect([train.classes[0], train.classes[99]]).toEqual(['001.Bird_1', '100.Bird_100']);
    expect([val.classes[0], val.classes[99]]).toEqual(['101.Bird_101', '200.Bird_200']);
    expect([train.images.length, val.images.length]).toEqual([200, 200]);
    expect(train.root).toBe(path.join(place, 'images'));
    for (const set of [train, val]) {
      for (const { path: file, label } of set.images)
        expect(path.basename(path.dirname(file))).toBe(set.classes[label]);
    }
  });

  it('reads CRLF, a byte order mark, and links to images elsewhere in the folder', async () => {
    const expected = await contents(place, 'val');
    for (const [name, text] of Object.entries(lists)) await write(name, `\ufeff${text.replaceAll('\n', '\r\n')}\r\n`);
    const [first, second] = images.filter((name) => name.startsWith('150.'));
    await rm(path.join(place, 'images', first!));
    await symlink(path.basename(second!), path.join(place, 'images', first!));
    expect(await contents(place, 'val')).toEqual(expected);
  });

  it('takes a link to the images as the folder that they must stay in', async () => {
    const elsewhere = path.join(folder.path, 'elsewhere');
    await makeFiles(elsewhere, images);
    await rm(path.join(place, 'images'), { recursive: true });
    await symlink(elsewhere, path.join(place, 'images'));
    expect(await contents(place, 'train')).toHaveLength(200);
  });

  it.each(['images.txt', 'image_class_labels.txt', 'classes.txt', 'images'])(
    'says that %s is missing',
    async (name) => {
      await rm(path.join(place, name), { recursive: true });
      const message = await refusal(place);
      expect(message).toContain(`${place} looks like CUB-200-2011, but ${name} is missing.`);
    },
  );

  it('names the lines that are wrong', async () => {
    await write('images.txt', `${lists['images.txt']}\n401 \nx y\n7 again.jpg\n`);
    const message = await refusal(place);
    expect(message).toMatch(/images\.txt: 3 of its lines cannot be used:\n {2}line 402: "401" is not a number/);
    expect(message).toMatch(/line 403: "x y"[^]*line 404: number 7 is in line 7 already/);
  });

  it('refuses images without class, classes that are not there, and another number of classes', async () => {
    await write('images.txt', `${lists['images.txt']}401 a.jpg\n`);
    expect(await refusal(place)).toMatch(/line 401: image 401 has no class in image_class_labels\.txt/);
    await write('image_class_labels.txt', `${lists['image_class_labels.txt']}401 201\n`);
    expect(await refusal(place)).toMatch(
      /image_class_labels\.txt: .*\n {2}line 401: "201" is not the number of a class, 1 to 200/,
    );
    await write('classes.txt', '1 001.Bird_1\n2 002.Bird_2\n');
    expect(await refusal(place)).toMatch(/classes\.txt names 2 classes, and none with number 3: CUB-200-2011 has 200/);
  });

  it('names files that are missing, unless bad images are skipped', async () => {
    await rm(path.join(place, 'images', images[4]!));
    await rm(path.join(place, 'images', images[104]!));
    expect(await refusal(place)).toMatch(
      /images\.txt: 1 of its lines .*\n {2}line 5: "005\.Bird_5\/Bird_4\.jpg" is not there\n.*--skip-bad/,
    );
    expect((await openData(place, 'train', { skipBad: true })).images).toHaveLength(200);
  });

  it('refuses text that is no UTF-8, and says in which line', async () => {
    const bytes = Buffer.from(lists['images.txt']);
    bytes[bytes.indexOf('\n3 ') + 4] = 0xff;
    await write('images.txt', bytes);
    expect(await refusal(place)).toMatch(/images\.txt: line 3 is not UTF-8 text/);
    await write('images.txt', Buffer.from(`\ufeff${lists['images.txt']}`, 'utf16le'));
    expect(await refusal(place)).toMatch(/images\.txt is UTF-16 text. Save it as UTF-8/);
  });
});
