import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Imports against the direction, and what follows the name of the rule that refuses each. */
const planted: [what: string, file: string, text: string, refusal: string][] = [
  [
    'a type from a higher floor',
    'src/runner/base/low.ts',
    "export type { A } from '../training/a.js';",
    'src/runner/base imports nothing: src/runner/base/low.ts → src/runner/training/a.ts',
  ],
  [
    'a type from the same floor',
    'src/runner/data/side.ts',
    "export type { A } from '../options/a.js';",
    'src/runner/data imports base, onnx-files, modules, ranks: src/runner/data/side.ts → src/runner/options/a.ts',
  ],
  [
    'a value from a house above',
    'src/graph/step/up.ts',
    "export { a } from '../../runner/base/a.js';",
    'src/graph imports nothing: src/graph/step/up.ts → src/runner/base/a.ts',
  ],
  [
    'what `index.ts` exports',
    'src/runner/training/all.ts',
    "export { a } from '../index.js';",
    'src/runner/training/all.ts → src/runner/index.ts',
  ],
  [
    'the command line from the web',
    'src/web/cli.ts',
    "export { a } from '../cli/a.js';",
    'src/web imports graph, report-page: src/web/cli.ts → src/cli/a.ts',
  ],
  [
    'Node.js in a graph',
    'src/graph/step/node.ts',
    "export * from 'node:fs';",
    'src/graph/ does without Node.js: src/graph/step/node.ts → fs',
  ],
  [
    'ONNX Runtime in a graph',
    'src/graph/step/ort.ts',
    "export * from 'onnxruntime-node';",
    'src/graph/ does without onnxruntime-: src/graph/step/ort.ts → ',
  ],
  [
    'Node.js on a page',
    'src/web/node.ts',
    "export * from 'node:path';",
    'src/web/ does without Node.js: src/web/node.ts → path',
  ],
  [
    'the parser of the command line in the runner',
    'src/runner/base/commander.ts',
    "export * from 'commander';",
    'src/runner/ does without commander: src/runner/base/commander.ts → ',
  ],
  [
    'an action that is loaded with its command',
    'src/cli/commands/early.ts',
    "export { a } from '../actions/a.js';",
    'src/cli loads actions when they run: src/cli/commands/early.ts → src/cli/actions/a.ts',
  ],
  [
    'anything in a room without a floor',
    'src/runner/attic/new.ts',
    "export { a } from '../base/a.js';",
    'src/runner/ has a floor for it: src/runner/attic/new.ts → src/runner/base/a.ts',
  ],
  [
    'anything in a file beside the rooms',
    'src/runner/loose.ts',
    "export { a } from './base/a.js';",
    'src/runner/ has a floor for it: src/runner/loose.ts → src/runner/base/a.ts',
  ],
  [
    'a file that imports it too',
    'src/runner/base/circle.ts',
    "export type { B } from './other.js';",
    'no circles of files: src/runner/base/circle.ts →',
  ],
];

const others: Record<string, string> = {
  ...Object.fromEntries(
    ['runner/base', 'runner/options', 'runner/training', 'cli', 'cli/actions'].map((room) => [
      `src/${room}/a.ts`,
      'export type A = 1; export const a: A = 1;',
    ]),
  ),
  'src/runner/index.ts': "export { a } from './base/a.js';",
  'src/runner/base/other.ts': "import type {} from './circle.js';\nexport type B = 1;",
  'src/cli/commands/allowed.ts': "export const run = () => import('../actions/a.js');",
  'src/runner/training/allowed.ts': "export { a } from '../base/a.js';",
};

let output: string;
let status: number | null;

beforeAll(async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'dws-rooms-'));
  const files = { ...others, ...Object.fromEntries(planted.map(([, file, text]) => [file, text])) };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), `${text}\n`);
  }
  await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
  const program = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [program, '--config', path.join(root, '.dependency-cruiser.mjs'), 'src'];
  const { stdout, stderr, ...ended } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  output = (stdout + stderr).replace(/\n\s+/g, ' ');
  status = ended.status;
  await rm(folder, { recursive: true });
});

it.each(planted)('the check of imports refuses %s', (_what, _file, _text, refusal) => {
  expect(output).toContain(refusal);
});

it('the check of imports fails, and takes imports of lower floors', () => {
  expect(status).toBeGreaterThan(0);
  expect(output).not.toContain('allowed.ts');
});

describe('ARCHITECTURE.md', async () => {
  const text = await readFile(path.join(root, 'ARCHITECTURE.md'), 'utf8');

  it('draws the floors of src/runner as the check of imports holds them, with a line for each room', async () => {
    const config = pathToFileURL(path.join(root, '.dependency-cruiser.mjs')).href;
    const { floors } = (await import(config)) as { floors: Record<string, string[][]> };
    const drawing = /## The rooms of src\/runner.*?```text\n(.*?)```/s.exec(text)![1]!;
    const drawn: string[][] = [];
    for (const [, level, room] of drawing.matchAll(/^(\d+ ?| ) {1,2}(\S+) +\S.*$/gm)) {
      if (level === ' ') drawn[0]!.push(room!);
      else drawn.unshift([room!]);
    }
    expect(drawn).toEqual(floors['src/runner/']);
  });

  it('names files that are there', () => {
    const named = [...text.matchAll(/`(src\/[\w./-]+\.ts)`/g)].map(([, file]) => file!);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
  });
});
