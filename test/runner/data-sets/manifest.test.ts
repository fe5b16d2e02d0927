import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../data/images.js';
import { openData } from '../../../src/runner/data-sets/open-data.js';
import { contents, makeFiles, refusal } from './folders.js';

const folder = temporaryFolder();
let root = '';
const file = () => path.join(root, 'list.csv');
const names = ['a/1.jpg', 'a/2.jpg', 'b/1.jpg', 'b/2.jpg', 'c/1, "x".jpg', 'c/2\n.jpg', 'ä/😀.jpg'];

beforeAll(async () => {
  root = path.join(folder.path, 'data');
  await makeFiles(root, names);
  await makeFiles(folder.path, ['secret.jpg', 'outside/1.jpg']);
});

/** Writes the manifest, a header and rows. */
const write = (...rows: string[]) => writeFile(file(), ['path,label,split', ...rows, ''].join('\n'));
const enough = ['a/1.jpg,cat,train', 'a/2.jpg,cat,train', 'b/1.jpg,dog,train', 'b/2.jpg,dog,train'];

describe('a manifest', () => {
  it('gives the rows of a split, by label and path, whatever their order', async () => {
    await write('b/2.jpg,dog,train', 'a/2.jpg,zebra,val', './b/1.jpg,Cat,train', 'a/1.jpg,zebra,val');
    expect(await contents(file(), 'train')).toEqual([
      ['Cat', 'b/1.jpg'],
      ['dog', 'b/2.jpg'],
    ]);
    expect(await contents(file(), 'val')).toEqual([
      ['zebra', 'a/1.jpg'],
      ['zebra', 'a/2.jpg'],
    ]);
  });

  it('takes quotes, line ends in names, columns in any order and more of them, blanks, CRLF and a byte order mark', async () => {
    const rows = [
      '\ufeffsplit,note,path,label',
      'train,,"c/1, ""x"".jpg",A',
      'train,"two\nlines", "c/2\n.jpg" , A',
      '',
      'train,,ä/😀.jpg, B',
    ];
    for (const end of ['\n', '\r\n']) {
      await writeFile(file(), rows.join(end));
      expect(await contents(file(), 'train')).toEqual([
        ['A', 'c/1, "x".jpg'],
        ['A', 'c/2\n.jpg'],
        ['B', 'ä/😀.jpg'],
      ]);
    }
    await writeFile(file(), `${rows.slice(0, 2).join('\n')}\r\ntrain,,ä/😀.jpg,B\n`);
    expect(await contents(file(), 'train')).toHaveLength(2);
  });

  it.each([
    ['semicolons', 'Path;Label;Split\na/1.jpg;cat, big;Train\nb/1.jpg;dog;TRAINING\n'],
    ['tabs', '\ufeffPATH\tLABEL\tSPLIT\na/1.jpg\tcat, big\ttrain\nb/1.jpg\tdog\ttrain\n'],
    ['quotes around the columns', '"path","label" , "split"\na/1.jpg,"cat, big",train\nb/1.jpg,dog,train\n'],
  ])('takes %s, and columns in any case', async (_, text) => {
    await writeFile(file(), text);
    expect(await contents(file(), 'train')).toEqual([
      ['cat, big', 'a/1.jpg'],
      ['dog', 'b/1.jpg'],
    ]);
  });

  it('takes the words that people have for the splits; of val and test, val is used, and the others are told', async () => {
    await write(...enough.slice(0, 3), 'b/2.jpg,dog,Validation', '"c/1, ""x"".jpg",dog,validation');
    expect(await contents(file(), 'val')).toHaveLength(2);
    await write(...enough.slice(0, 2), 'b/1.jpg,dog,test', 'b/2.jpg,dog,test');
    expect(await contents(file(), 'val')).toHaveLength(2);
    await write('a/1.jpg,cat,val', 'a/2.jpg,cat,val', 'b/1.jpg,dog,test', 'b/2.jpg,dog,test');
    const { images, passedOver } = await openData(file(), 'val');
    expect(images.map((image) => path.basename(path.dirname(image.path)))).toEqual(['a', 'a']);
    expect(passedOver!.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['another split', 'the split val is used instead'],
      ['another split', 'the split val is used instead'],
    ]);
  });

  it('takes absolute paths inside of the folder, and accents in either Unicode form', async () => {
    await makeFiles(root, ['e\u0301/caf\u00e9.jpg', 'e\u0301/n\u0303.jpg']);
    await write(
      `${path.join(root, 'a/1.jpg')},Caf\u00e9,train`,
      '\u00e9/cafe\u0301.jpg,Cafe\u0301,train',
      'e\u0301/\u00f1.jpg,dog,train',
    );
    const set = await openData(file(), 'train');
    expect(set.classes).toHaveLength(2);
    expect(set.images.map((image) => path.relative(root, image.path)).sort()).toEqual(
      ['a/1.jpg', 'e\u0301/caf\u00e9.jpg', 'e\u0301/n\u0303.jpg'].sort(),
    );
    await write(...enough, 'e\u0301/n\u0303.jpg,dog,train', '\u00e9/\u00f1.jpg,dog,train');
    expect(await refusal(file())).toMatch(/line 7: .* is in line 6 already/);
  });

  it("takes Windows' \\ between folders, and as a character of a name where a file is called so", async () => {
    await makeFiles(root, ['one\\name.jpg']);
    await write('a\\1.jpg,cat,train', 'one\\name.jpg,dog,train');
    expect(await contents(file(), 'train')).toEqual([
      ['cat', 'a/1.jpg'],
      ['dog', 'one\\name.jpg'],
    ]);
  });

  it('says which images are queries and which are searched', async () => {
    const rows = ['a/1.jpg,cat,val,1,0', 'a/2.jpg,cat,val,FALSE,True', 'b/1.jpg,dog,val,no,yes', 'b/2.jpg,dog,train,,'];
    await writeFile(file(), ['path,label,split,is_query,is_gallery', ...rows, 'ä/😀.jpg,cat,train,,'].join('\n'));
    const { classes, roles } = await openData(file(), 'val');
    expect(classes).toEqual(['cat', 'dog']);
    expect(roles).toEqual([
      { isQuery: true, isGallery: false },
      { isQuery: false, isGallery: true },
      { isQuery: false, isGallery: true },
    ]);
    expect((await openData(file(), 'train')).roles).toBeUndefined();
    await writeFile(file(), 'path,label,split,is_query\n');
    expect(await refusal(file())).toMatch(/names is_query without is_gallery/);
    await writeFile(file(), `path,label,split,is_query,is_gallery\na/1.jpg,cat,val,0,0\na/2.jpg,cat,val,maybe,1\n`);
    expect(await refusal(file(), 'val')).toMatch(
      /line 2: is neither a query nor in the gallery\n {2}line 3: is_query and/,
    );
    const both = ['a/1.jpg,cat,val,1,1', 'a/2.jpg,cat,val,true,true'];
    await writeFile(file(), ['path,label,split,is_query,is_gallery', ...both].join('\n'));
    expect((await openData(file(), 'val')).roles).toBeUndefined();
  });

  it('is divided by --val-split where it has no split', async () => {
    await writeFile(file(), ['path,label', ...enough.map((row) => row.replace(',train', ''))].join('\n'));
    expect(await refusal(file())).toMatch(/has no column split\. .*--val-split/);
    expect(await contents(file(), 'train', { valSplit: 'images:0.5' })).toHaveLength(2);
    expect(await refusal(file(), 'val', { valSplit: 'images:0.5' })).toMatch(
      /--val-split images:0\.5: .* has no class with two images.* Take a larger share/,
    );
    await write(...enough, 'ä/😀.jpg,cat,val');
    expect(await refusal(file(), 'train', { valSplit: 'images:0.5' })).toMatch(/a manifest with a split of its own/);
  });

  it('names lines with an unknown split, no label or another number of fields', async () => {
    await write(...enough, '"x\ny",cat,holdout', 'b,,val', 'a/1.jpg,cat', 'a/1.jpg,cat,train,more');
    expect(await refusal(file())).toMatch(
      /list\.csv: 4 of its lines cannot be used:\n {2}line 7: the split is "holdout", none of train, training, val, valid, validation, test, testing\n {2}line 8: the label is empty\n {2}line 9: has 2 fields, the first line 3\n {2}line 10: has 4 fields/,
    );
  });

  it('refuses a path that is listed twice, also in the other split', async () => {
    await write(...enough, 'a/./1.jpg,bird,val');
    expect(await refusal(file())).toMatch(/line 6: "a\/\.\/1\.jpg" is in line 2 already/);
    expect(await refusal(file(), 'val')).toMatch(/line 6: /);
  });

  it.each([
    ['../secret.jpg', 'has ".." in it'],
    ['a/../../secret.jpg', 'has ".." in it'],
    ['a\\..\\..\\secret.jpg', 'has ".." in it'],
    ['/etc/passwd', 'is an absolute path that leads out of the folder'],
    ['C:\\secret.jpg', 'is an absolute path'],
    ['\\\\host\\secret.jpg', 'is an absolute path'],
    ['', 'names no file'],
    ['a\0.jpg', 'has a zero byte in it'],
    ['out/1.jpg', 'is a link, or goes through a link, that leads out of the folder'],
    ['out.jpg', 'is a link, or goes through a link, that leads out of the folder'],
    ['a', 'is a folder'],
  ])('refuses the path %j even with --skip-bad', async (name, reason) => {
    await symlink('../outside', path.join(root, 'out')).catch(() => undefined);
    await symlink('../secret.jpg', path.join(root, 'out.jpg')).catch(() => undefined);
    await write(...enough, `"${name}",cat,train`);
    const message = await refusal(file(), 'train', { skipBad: true });
    expect(message).toContain('list.csv: 1 of its lines cannot be used:\n  line 6: ');
    expect(message).toContain(reason);
  });

  it('follows links that stay inside, also of the folder itself', async () => {
    await symlink('../a/1.jpg', path.join(root, 'b/link.jpg'));
    await symlink('a', path.join(root, 'linked'));
    await symlink('data', path.join(folder.path, 'alias'));
    await write('a/1.jpg,cat,train', 'b/link.jpg,dog,train', 'linked/2.jpg,dog,train');
    expect(await contents(path.join(folder.path, 'alias/list.csv'), 'train')).toHaveLength(3);
  });

  it('names missing files and broken links, and keeps them with --skip-bad', async () => {
    await symlink('nowhere.jpg', path.join(root, 'broken.jpg'));
    await symlink('loop.jpg', path.join(root, 'loop.jpg'));
    await write(
      ...enough,
      'none.jpg,cat,val',
      'no/such.jpg,cat,val',
      'broken.jpg,cat,train',
      'loop.jpg,cat,train',
      'a/1.jpg/x,cat,val',
    );
    const message = await refusal(file());
    expect(message).toMatch(/5 of its lines .*\n {2}line 6: "none\.jpg" is not there\n {2}line 7: /);
    expect(message).toContain('--skip-bad');
    expect(await contents(file(), 'train', { skipBad: true })).toHaveLength(6);
  });

  it('escapes what a line of an error cannot show', async () => {
    await write(...enough, '"\x1b[31m\nred.jpg",cat,train');
    expect(await refusal(file())).toContain('line 7: "\\u{1b}[31m\\nred.jpg" is not there');
  });

  it('refuses what is no manifest', async () => {
    await writeFile(file(), 'path:label:split\n');
    expect(await refusal(file())).toMatch(/its first line is "path:label:split"\. It must name path,label,split/);
    await writeFile(file(), '');
    expect(await refusal(file())).toMatch(/its first line is ""/);
    await writeFile(file(), 'path,label,split\n"a/1.jpg,cat,train\n');
    expect(await refusal(file())).toMatch(/list\.csv is not CSV: Quote Not Closed/);
    await writeFile(file(), `path,label,split\n"${'x'.repeat(100_000)}`);
    expect(await refusal(file())).toMatch(/list\.csv is not CSV: Max Record Size/);
    await write('a/1.jpg,cat,train', 'b/1.jpg,dog,train');
    expect(await refusal(file(), 'val')).toMatch(/list\.csv holds no image for the split val/);
    await mkdir(path.join(root, 'folder.csv'));
    expect(await refusal(path.join(root, 'folder.csv'))).toMatch(/is no data set that is known/);
  });
});
