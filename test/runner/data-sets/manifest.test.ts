import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../data/images.js';
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

  it('names lines with an unknown split, no label or another number of fields', async () => {
    await write(...enough, '"x\ny",cat,test', 'b,,val', 'a/1.jpg,cat', 'a/1.jpg,cat,train,more');
    expect(await refusal(file())).toMatch(
      /list\.csv: 4 of its lines cannot be used:\n {2}line 7: the split is "test", not train or val\n {2}line 8: the label is empty\n {2}line 9: has 2 fields, the first line 3\n {2}line 10: has 4 fields/,
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
    ['/etc/passwd', 'is an absolute path'],
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
    await writeFile(file(), 'path;label;split\n');
    expect(await refusal(file())).toMatch(/its first line is "path;label;split"\. It must name path,label,split/);
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
