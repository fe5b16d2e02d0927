import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder, writeFiles } from '../runner/data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A compiler that writes one file. */
const compiler = `const { mkdirSync, writeFileSync } = require('node:fs');
const folder = process.argv[process.argv.indexOf('--outDir') + 1];
mkdirSync(folder, { recursive: true });
writeFileSync(folder + '/made.js', 'new');
`;
const build = (vite: string) =>
  writeFiles(at(), { 'node_modules/typescript/bin/tsc': compiler, 'node_modules/vite/bin/vite.js': vite }).then(
    () => spawnSync(process.execPath, [at('scripts', 'build.mjs')]).status,
  );

it('a build that fails leaves the older one as it was, and one that is done takes its place', async () => {
  await mkdir(at('scripts'));
  await copyFile(path.join(root, 'scripts', 'build.mjs'), at('scripts', 'build.mjs'));
  await writeFiles(at(), { 'dist/made.js': 'old', 'dist/left.js': 'old' });
  expect(await build('process.exit(3)')).toBe(3);
  expect((await readdir(at('dist'))).sort()).toEqual(['left.js', 'made.js']);
  expect(await readFile(at('dist', 'made.js'), 'utf8')).toBe('old');
  expect(await readdir(at('.cache'))).toEqual([]);
  expect(await build(compiler)).toBe(0);
  expect((await readdir(at('dist'))).sort()).toEqual(['.built', 'demo', 'made.js', 'report']);
});
