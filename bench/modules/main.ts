/**
 * npm run bench -- modules [--data data/icons] [--classes 60]: each part of examples/modules trains on so many classes of real
 * images, is killed in step 11 and resumed to the same bytes, is verified, and shows its statistics in the terminal, TensorBoard
 * and the report.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readMetrics, statisticsOf } from '../../src/runner/training/metrics-file.js';
import { fingerprint, requireSame } from '../survive/small-run.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = path.join(root, 'dist/cli/main.js');
const example = (name: string): string => path.join(root, 'examples/modules', name);

/** The options that name each example. */
const parts: Record<string, string[]> = {
  'contrastive-loss': ['--loss', example('contrastive-loss.mjs')],
  'cosine-proxy-loss': ['--loss', example('cosine-proxy-loss.mjs')],
  rmsprop: ['--optimizer', example('rmsprop.mjs'), '--lr', '1e-3'],
  'three-layers': ['--backbone', example('three-layers.mjs')],
};

/** Killed in this step: checkpoints are written every 5, so that steps are done again. */
const killedIn = 11;
const settings =
  '--image-size 32 --feat-dim 64 --embed-dim 32 --batch-size 40 --batch-k 5 --epochs 1 --batch-num 16 ' +
  '--checkpoint-every 5 --steps-per-run 1 --seed 3 --threads 1 --workers 1 --cache none --print-freq 1 --tensorboard --resume auto';

/** A backbone of one's own stands in the place of `--model`. */
const settingsFor = (flags: readonly string[]): string[] => [
  ...(flags.includes('--backbone') ? [] : ['--model', 'squeezenet1_1']),
  ...settings.split(' '),
];

interface Ended {
  code: number | null;
  text: string;
}

/** @param until ends the process with SIGKILL as soon as this is printed */
function dws(args: readonly string[], until?: RegExp): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (until?.test(text)) child.kill('SIGKILL');
      });
    }
    child.on('error', reject).on('close', (code) => resolve({ code, text }));
  });
}

async function finish(args: readonly string[]): Promise<string> {
  const { code, text } = await dws(args);
  if (code !== 0) throw new Error(`dws ${args.join(' ')} ended with ${code}:\n${text}`);
  return text;
}

const modulesOf = (flags: readonly string[]): string[] => flags.slice(0, 2);

/** @throws Error when a statistic is missing somewhere */
async function requireShown(out: string, printed: string): Promise<string[]> {
  const steps = (await readMetrics(path.join(out, 'metrics.jsonl'))).filter((line) => line.kind === 'step');
  const names = statisticsOf(steps[0]!).map(([name]) => name);
  const report = await readFile(path.join(out, 'report.html'), 'utf8');
  const events = (await readdir(out)).filter((name) => name.startsWith('events.out'));
  const board = Buffer.concat(await Promise.all(events.map((name) => readFile(path.join(out, name)))));
  for (const name of names) {
    if (!printed.includes(name.replaceAll('_', ' '))) throw new Error(`the terminal does not show ${name}`);
    if (!board.includes(`train/${name}`)) throw new Error(`TensorBoard's file has no train/${name}`);
    if (!report.includes(name)) throw new Error(`the report has no ${name}`);
  }
  return names;
}

async function tryPart(name: string, flags: string[], data: string, folder: string): Promise<void> {
  const train = (out: string) => ['train', '--data-path', data, '--out', out, ...settingsFor(flags), ...flags];
  const [whole, killed] = [path.join(folder, `${name}-whole`), path.join(folder, `${name}-killed`)];
  const printed = await finish(train(whole));
  const { code } = await dws(train(killed), new RegExp(`step ${killedIn}/`));
  if (code !== null) throw new Error(`${name} ended with ${code} before it could be killed`);
  await finish(train(killed));
  requireSame(await fingerprint(killed), await fingerprint(whole));
  const verified = await finish(['verify', killed, ...modulesOf(flags)]);
  if (!verified.includes('identical')) throw new Error(`${name} is not verified:\n${verified}`);
  const backbone = flags[0] === '--backbone' ? modulesOf(flags) : [];
  await finish(['report', killed, '-o', path.join(whole, 'report.html'), '--images', '200', ...backbone]);
  const names = await requireShown(whole, printed);
  console.log(`${name}: killed in step ${killedIn}, resumed to the same bytes, verified; shows ${names.join(', ')}`);
}

/** The loss that fails while ONNX Runtime runs: told by its file, with the last checkpoint kept. */
async function tryThrowing(data: string, folder: string): Promise<void> {
  const file = example('throws-in-step-7.mjs');
  const out = path.join(folder, 'throws');
  const flags = ['--loss', file, '--resume', 'auto'];
  const { code, text } = await dws(['train', '--data-path', data, '--out', out, ...settingsFor(flags), ...flags]);
  const line = text.split('\n').findLast((one) => one.startsWith('dws: ')) ?? '';
  if (code !== 1 || !line.includes('throws-in-step-7.mjs')) throw new Error(`not told as the module's fault:\n${text}`);
  if (!existsSync(path.join(out, 'checkpoint.safetensors'))) throw new Error('its last checkpoint is gone');
  console.log(`throws-in-step-7: ${line}`);
}

/** The first classes of each split. */
async function fewClasses(data: string, folder: string, count: number): Promise<string> {
  const few = path.join(folder, 'data');
  for (const split of ['train', 'val']) {
    await mkdir(path.join(few, split), { recursive: true });
    const classes = (await readdir(path.join(data, split))).sort().slice(0, count);
    for (const name of classes) await symlink(path.resolve(data, split, name), path.join(few, split, name));
  }
  return few;
}

export async function benchModules(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: 'string', default: path.join(root, 'data/icons') },
      classes: { type: 'string', default: '60' },
    },
  });
  if (!existsSync(values.data)) throw new Error(`${values.data} is not there: npx dws prepare icons data/icons`);
  const folder = await mkdtemp(path.join(tmpdir(), 'dws-modules-'));
  try {
    const data = await fewClasses(values.data, folder, Number(values.classes));
    for (const [name, flags] of Object.entries(parts)) await tryPart(name, flags, data, folder);
    await tryThrowing(data, folder);
    console.log('passed');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
