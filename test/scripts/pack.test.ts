import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../runner/data/images.js';

const folder = temporaryFolder();
const root = fileURLToPath(new URL('../..', import.meta.url));

it('npm pack, which builds nothing, fails and names what builds and packs, also where there is a dist/', async () => {
  await mkdir(path.join(folder.path, 'dist'));
  await writeFile(path.join(folder.path, 'dist', 'junk.js'), '');
  for (const name of ['package.json', '.npmrc', 'README.md'])
    await copyFile(path.join(root, name), path.join(folder.path, name));
  const shell = process.platform === 'win32';
  const { status, stderr } = spawnSync('npm', ['pack', '--offline'], { cwd: folder.path, shell, encoding: 'utf8' });
  expect(stderr).toContain(path.join('use-npm-run-pack', 'dws-'));
  expect(status).not.toBe(0);
  expect(existsSync(path.join(root, 'use-npm-run-pack'))).toBe(false);
});
