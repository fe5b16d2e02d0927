import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { dws } from './dws.js';

const hooks = new URL('../helpers/record-loads.mjs', import.meta.url).href;

interface Loads {
  /** Those that the program's own files import. */
  packages: string[];
  /** From `dist/`. */
  files: string[];
}

/** What a command line loads. */
async function loadsOf(args: readonly string[]): Promise<Loads> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'dws-loads-'));
  const file = path.join(folder, 'loads.txt');
  const before = `import { register } from 'node:module'; register('${hooks}')`;
  await dws(args, {
    cwd: folder,
    env: { LOADS: file, NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(before)}"` },
  });
  const text = await readFile(file, 'utf8');
  await rm(folder, { recursive: true });
  const named = (form: RegExp) => [...new Set(Array.from(text.matchAll(form), ([, name]) => name!))].sort();
  return {
    packages: named(/\/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\/.*$/gm),
    files: named(/^file:\/\/(?!.*\/node_modules\/).*\/dist\/(.*)$/gm),
  };
}

const actionsOf = ({ files }: Loads) => files.filter((file) => file.startsWith('cli/actions/'));

it.each([
  '--version',
  '--help',
  'train --help',
  '--nope',
  'trian',
  'train --model resnet19',
  'export --checkpoint x',
  'completion bash',
])('dws %s loads the parser and the tables of options', async (line) => {
  const loads = await loadsOf(line.split(' '));
  expect(loads.packages).toEqual(['commander', 'es-module-lexer', 'semver']);
  expect(loads.files).toContain('cli/run.js');
  expect(actionsOf(loads)).toEqual([]);
  expect(loads.files.filter((file) => file.startsWith('runner/training/'))).toEqual([]);
  expect(loads.files).not.toContain('graph/builder/builder.js');
});

it.each([
  { line: 'check nowhere', own: ['sharp'], others: ['onnxruntime-node', 'koffi', 'protobufjs'] },
  { line: 'diff a b', own: ['protobufjs'], others: ['onnxruntime-node', 'koffi', 'sharp'] },
  { line: 'demo nowhere', own: ['sirv'], others: ['onnxruntime-node', 'koffi', 'protobufjs', 'sharp'] },
  { line: 'train --data-path nowhere', own: ['onnxruntime-node', 'sharp'], others: ['umap-js', 'tar', 'sirv'] },
])('dws $line loads its own action, with $own and without $others', async ({ line, own, others }) => {
  const loads = await loadsOf(line.split(' '));
  expect(actionsOf(loads)).toEqual([`cli/actions/${line.split(' ')[0]}.js`]);
  expect(loads.packages).toEqual(expect.arrayContaining(own));
  expect(loads.packages.filter((name) => others.includes(name))).toEqual([]);
});
