import { expect, it } from 'vitest';
import { withoutFolders } from '../../../src/runner/report/without-folders.js';

it.each([
  ['/home/jane/data does not exist', '…/data does not exist'],
  ["can't read '/home/jane/a b.png': no such file", "can't read '…/a b.png': no such file"],
  ['{"kind":"file","path":"/srv/weights/r50.pth"}', '{"kind":"file","path":"…/r50.pth"}'],
  ['two: /a/b/c.png, /a/b/d.png', 'two: …/c.png, …/d.png'],
  ['C:\\Users\\jane\\data does not exist', '…\\data does not exist'],
  ['see https://example.org/a/b/c', 'see https://example.org/a/b/c'],
  ['runs/mine', 'runs/mine'],
  ['1 / 2 and 3/4', '1 / 2 and 3/4'],
])('%s is told as %s', (text, told) => {
  expect(withoutFolders(text)).toBe(told);
});

it('takes known folders away whole, whatever their names hold', () => {
  expect(withoutFolders('no /home/Jane Doe/my data/val here', ['/home/Jane Doe/my data'])).toBe('no my data/val here');
});
