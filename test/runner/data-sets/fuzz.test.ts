/** Lists with anything in them: read or refused, and no path out of the folder. */
import { realpathSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { openData } from '../../../src/runner/data-sets/open-data.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { temporaryFolder } from '../data/images.js';
import { cubLists, makeFiles } from './folders.js';

const folder = temporaryFolder();
const { lists } = cubLists();
const products = (first: number) =>
  `image_id class_id super_class_id path\n${[0, 1, 2, 3].map((i) => `${i} ${first + (i >> 1)} 1 a/${first + i}.jpg\n`).join('')}`;

/** Each list, the folder that its images must stay in, and what to open. */
const targets = {
  'images.txt': { folder: 'cub', inside: 'images', open: '.', text: lists['images.txt'] },
  'image_class_labels.txt': { folder: 'cub', inside: 'images', open: '.', text: lists['image_class_labels.txt'] },
  'classes.txt': { folder: 'cub', inside: 'images', open: '.', text: lists['classes.txt'] },
  'Ebay_train.txt': { folder: 'products', inside: '.', open: '.', text: products(1) },
  'list.csv': {
    ...{ folder: 'manifest', inside: '.', open: 'list.csv' },
    text: 'path,label,split\na/1.jpg,x,train\n"a/2.jpg",y,train\n"a/""3"".jpg",x,train\na/4.jpg,y,val\n',
  },
};

beforeAll(async () => {
  await makeFiles(folder.path, ['secret.jpg', 'outside/1.jpg']);
  await makeFiles(path.join(folder.path, 'cub'), ['images/001.Bird_1/Bird_0.jpg'], lists);
  const files = [1, 2, 3, 4, 5, 6].map((i) => `a/${i}.jpg`);
  await makeFiles(path.join(folder.path, 'products'), files, {
    'Ebay_train.txt': products(1),
    'Ebay_test.txt': products(3),
  });
  await makeFiles(path.join(folder.path, 'manifest'), [...files, 'list.csv']);
  for (const inside of ['cub/images', 'products', 'manifest']) {
    await symlink(path.join(folder.path, 'outside'), path.join(folder.path, inside, 'out'));
    await symlink(path.join(folder.path, 'secret.jpg'), path.join(folder.path, inside, 'out.jpg'));
  }
});

const hostile = fc.constantFrom(
  ...[
    '../',
    '../../secret.jpg',
    '/etc/passwd',
    '..\\secret.jpg',
    'C:\\x',
    'out/1.jpg',
    'out.jpg',
    '.',
    './/',
    '\0',
    '"',
  ],
  ...[
    '\n',
    '\r',
    '\r\n',
    ',',
    ' ',
    '\t',
    '\ufeff',
    '\u2028',
    '\u202e',
    '-1',
    '1e9',
    '99999999999999999999',
    '__proto__',
  ],
);
const inserted = fc.oneof(
  hostile.map((text) => Buffer.from(text)),
  fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
);
/** Where, how many bytes go, and what comes in their place. */
const change = fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat({ max: 40 }), inserted);

function changed(text: string, changes: readonly [number, number, Buffer][]): Buffer {
  return changes.reduce((bytes, [place, removed, more]) => {
    const at = Math.floor(place * bytes.length);
    return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at + removed)]);
  }, Buffer.from(text));
}

/** The real path, or the path itself where nothing is. */
function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

async function openOrRefuse(dataPath: string, root: string, skipBad: boolean): Promise<void> {
  for (const split of ['train', 'val'] as const) {
    const set = await openData(dataPath, split, { skipBad }).catch((error: unknown) => {
      expect(error).toBeInstanceOf(UserError);
      const { message } = error as UserError;
      expect(message.length).toBeLessThan(4000);
      expect(message).not.toMatch(/(?!\n)[\p{Cc}\u202e\u2028]/u);
    });
    for (const { path: file, label } of set?.images ?? []) {
      expect(real(file).startsWith(root + path.sep), file).toBe(true);
      expect(set!.classes[label]).toBeTypeOf('string');
    }
  }
}

describe.each(Object.entries(targets))('%s with parts replaced, inserted or cut off', (name, target) => {
  it('is read or refused, and names no image outside', async () => {
    const home = path.join(folder.path, target.folder);
    const root = realpathSync(path.join(home, target.inside));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), fc.boolean(), async (changes, skipBad) => {
        await writeFile(path.join(home, name), changed(target.text, changes));
        await openOrRefuse(path.join(home, target.open), root, skipBad);
      }),
      { numRuns: 60 },
    );
    await writeFile(path.join(home, name), target.text);
  });
});

const segment = fc.constantFrom(
  ...[
    '..',
    '.',
    '',
    'a',
    '1.jpg',
    'out',
    'out.jpg',
    'secret.jpg',
    'outside',
    '..\\..\\secret.jpg',
    '001.Bird_1',
    'Bird_0.jpg',
  ],
);
const hostilePath = fc.tuple(fc.constantFrom('', '/', './', '../'), fc.array(segment, { minLength: 1, maxLength: 5 }));

/** Each list with one more image, of a class that is trained on. */
const withImage: Record<string, { list: string; text: (name: string) => string }> = {
  'CUB-200-2011': { list: 'images.txt', text: (name) => targets['images.txt'].text.replace(/^1 .*/, `1 ${name}`) },
  'Stanford Online Products': { list: 'Ebay_train.txt', text: (name) => `${products(1)}9 1 1 ${name}\n` },
  'a manifest': { list: 'list.csv', text: (name) => `${targets['list.csv'].text}"${name}",x,train\n` },
};

describe.each(Object.entries(withImage))('%s with a path made to leave the folder', (_, { list, text }) => {
  it('names no image outside', async () => {
    const target = targets[list as keyof typeof targets];
    const home = path.join(folder.path, target.folder);
    const root = realpathSync(path.join(home, target.inside));
    await fc.assert(
      fc.asyncProperty(hostilePath, fc.boolean(), async ([start, segments], skipBad) => {
        await writeFile(path.join(home, list), text(start + segments.join('/')));
        await openOrRefuse(path.join(home, target.open), root, skipBad);
      }),
      {
        numRuns: 60,
        examples: [
          [['', ['out.jpg']], true],
          [['', ['out', '1.jpg']], false],
        ],
      },
    );
    await writeFile(path.join(home, list), target.text);
  });
});
