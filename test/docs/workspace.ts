/** A folder like that of somebody who has installed dws, for each page one, in which its blocks are checked and run. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeImageFolder } from '../helpers/images.js';
import type { Block } from './blocks.js';
import { typescript } from './blocks.js';
import { checkout } from './pages.js';

const npx = fileURLToPath(new URL('npx.mjs', import.meta.url));

export interface Workspace {
  root: string;
  /** The folder of a page, in which its commands are run. */
  folderOf(page: string): string;
  remove(): Promise<void>;
}

/** Where a block's code is written, below its page's folder; the line is in the name. */
export const fileOf = ({ mark, line, language }: Block): string =>
  mark.kind === 'file' ? mark.name : `block-${line}.${language === 'python' ? 'py' : language}`;

const isTypeScript = ({ language, mark }: Block): boolean =>
  typescript.includes(language) && ['run', 'compile', 'file'].includes(mark.kind);

/** Everything that is installed, and dws itself. */
async function linkPackages(root: string): Promise<void> {
  const installed = path.join(checkout, 'node_modules');
  const target = path.join(root, 'node_modules');
  await mkdir(target);
  for (const name of await readdir(installed)) await symlink(path.join(installed, name), path.join(target, name));
  await symlink(checkout, path.join(target, 'dws'));
}

/** `npx dws` and `dws` are what was built. */
async function writePrograms(root: string): Promise<void> {
  await mkdir(path.join(root, 'bin'));
  for (const [name, before] of [
    ['npx', ''],
    ['dws', 'dws '],
  ]) {
    const script = `#!/bin/sh\nexec "${process.execPath}" "${npx}" ${before}"$@"\n`;
    await writeFile(path.join(root, 'bin', name!), script, { mode: 0o755 });
  }
}

/** The TypeScript of every page. */
export async function makeWorkspace(blocks: readonly Block[]): Promise<Workspace> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'dws-docs-'));
  const folderOf = (page: string) => path.join(root, page.replaceAll('/', '_').replace(/\.md$/, ''));
  await writeFile(path.join(root, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await linkPackages(root);
  await writePrograms(root);
  for (const page of new Set(blocks.map((block) => block.page))) {
    await mkdir(folderOf(page));
    await symlink('../node_modules', path.join(folderOf(page), 'node_modules'));
  }
  for (const block of blocks.filter(isTypeScript)) {
    const file = path.join(folderOf(block.page), fileOf(block));
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, block.code);
  }
  return { root, folderOf, remove: () => rm(root, { recursive: true, force: true }) };
}

/** What commands of pages count on: DATA, photos/, runs/mine. */
export async function addData({ root, folderOf }: Workspace, blocks: readonly Block[]): Promise<void> {
  const given = path.join(root, 'given');
  // As many as one batch of the default options takes.
  await writeImageFolder(path.join(given, 'DATA'), { classes: 16, images: 5 });
  await cp(path.join(given, 'DATA', 'val', 'val-0'), path.join(given, 'photos'), { recursive: true });
  await runShell('npx dws train --data-path DATA --out runs/mine', { root, cwd: given, small: true });
  const pages = new Set(blocks.filter(({ mark }) => mark.kind === 'run').map(({ page }) => page));
  for (const page of pages) await cp(given, folderOf(page), { recursive: true });
}

export interface Circumstances {
  root: string;
  cwd: string;
  small: boolean;
}

const execute = (file: string, args: string[], { root, cwd, small }: Circumstances): Promise<string> =>
  new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      ...{
        PATH: `${path.join(root, 'bin')}${path.delimiter}${process.env['PATH']}`,
        DWS_CACHE: path.join(root, 'cache'),
        DOCS_SMALL: small ? '1' : '0',
      },
    };
    execFile(file, args, { cwd, env, timeout: 100_000, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${stdout}${stderr}${error.killed ? '\nended after 100 s' : ''}`.trim()));
      else resolve(stdout + stderr);
    });
  });

/** Ends at the first command that fails. @throws Error with what was printed, and that command */
export const runShell = (script: string, circumstances: Circumstances): Promise<string> => {
  const traced = `trap 'echo "failed with $?: $BASH_COMMAND" >&2' ERR\n${script}`;
  return execute('bash', ['-eEu', '-o', 'pipefail', '-c', traced], circumstances);
};

/** JavaScript and TypeScript alike. */
export const runScript = (file: string, circumstances: Circumstances): Promise<string> =>
  execute(process.execPath, ['--import', 'tsx', file], circumstances);

export const runPython = (file: string, circumstances: Circumstances): Promise<string> =>
  execute('/usr/bin/python3', [file], circumstances);
