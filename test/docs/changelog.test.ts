/** Whether CHANGELOG.md has the version that package.json has. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fromMarkdown } from 'mdast-util-from-markdown';
import semver from 'semver';
import { describe, expect, it } from 'vitest';
import { packageJson } from '../../src/runner/base/package-json.js';
import { checkout, readText } from './pages.js';

/** `VERSION - DATE` of each heading of the second order, newest first. */
const headings = fromMarkdown(readText('CHANGELOG.md')).children.flatMap((node) => {
  const [text] = node.type === 'heading' && node.depth === 2 ? node.children : [];
  return text?.type === 'text' ? [text.value] : [];
});
const versions = headings.map((heading) => heading.split(' ')[0]!);

describe('CHANGELOG.md', () => {
  it('begins with the version of package.json, which the lock file has too', () => {
    const { version } = packageJson();
    const lock = JSON.parse(readFileSync(path.join(checkout, 'package-lock.json'), 'utf8')) as {
      version: string;
      packages: Record<string, { version?: string }>;
    };
    expect([versions[0], lock.version, lock.packages['']!.version]).toEqual([version, version, version]);
  });

  it('has one heading for each version, with its date, newer ones first', () => {
    for (const heading of headings) expect(heading).toMatch(/^\d+\.\d+\.\d+ - (\d{4}-\d\d-\d\d|unreleased)$/);
    expect(versions).toEqual(semver.rsort([...new Set(versions)]));
    for (const heading of headings.slice(1)) expect(heading).not.toMatch(/unreleased$/);
  });
});
