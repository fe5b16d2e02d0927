/** Whether links of pages lead somewhere: in the repository all of them, and in the installed package those of what it holds. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Nodes } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { expect, it } from 'vitest';
import { checkout, pageNames, readText } from './pages.js';

const targetsOf = (node: Nodes): string[] => [
  ...('url' in node ? [node.url] : []),
  ...('children' in node ? node.children.flatMap(targetsOf) : []),
];

const textOf = (node: Nodes): string => {
  if ('children' in node) return node.children.map(textOf).join('');
  return 'value' in node ? node.value : '';
};

/** The anchors of its headings, as GitHub names them. */
const anchorsOf = (markdown: string): string[] =>
  fromMarkdown(markdown)
    .children.filter(({ type }) => type === 'heading')
    .map((heading) =>
      textOf(heading)
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    );

const isElsewhere = (target: string) => /^[a-z]+:/.test(target);

/** `{ page, target, file, anchor }` for each link to something of the project; `file` is relative to its root. */
const links = pageNames().flatMap((page) =>
  targetsOf(fromMarkdown(readText(page)))
    .filter((target) => !isElsewhere(target))
    .map((target) => {
      const [name = '', anchor] = decodeURI(target).split('#');
      const file = name === '' ? page : path.posix.join(path.posix.dirname(page), name);
      return { page, target, file, anchor };
    }),
);

it('every link leads to a file or folder, and to a heading that is there', () => {
  const broken = links.filter(({ file, anchor }) => {
    const place = path.join(checkout, file);
    return !existsSync(place) || (anchor !== undefined && !anchorsOf(readFileSync(place, 'utf8')).includes(anchor));
  });
  expect(broken.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
  expect(links.length).toBeGreaterThan(20);
});

it('the package holds what its pages link to', () => {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const [{ files }] = JSON.parse(execFileSync('npm', args, { cwd: checkout, encoding: 'utf8' })) as [
    { files: { path: string }[] },
  ];
  const packed = files.map((file) => file.path);
  const isPacked = (file: string) => packed.some((name) => name === file || name.startsWith(`${file}/`));
  const missing = links.filter(({ page, file }) => isPacked(page) && !isPacked(file));
  expect(missing.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
  expect(packed).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs/README.md']));
  expect(packed.filter((name) => /node_modules|^docs\/api/.test(name))).toEqual([]);
});
