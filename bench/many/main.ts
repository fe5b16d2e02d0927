/**
 * npm run bench -- many [--share 1] [--threads 2] [--sets classes,images] [--keep FOLDER]
 *
 * Two sets of tiny images: 130,000 in 66,000 classes, and 120,000 in 2. Of each: `dws check`, 20 steps of training of a network of
 * three layers, and `dws eval --metrics all`, on a terminal: with the time, the peak memory, and the longest time without anything new
 * on it. Then each again, and Ctrl-C at half of its time. --share 0.1 makes sets of a tenth; --keep makes them there once. Linux. Prints
 * Markdown; exit code 1 when a command fails, a set takes more than 30 minutes, a command more than 6 GB, or more than a minute
 * without a sign of life or after Ctrl-C.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Watched } from '../terminal.js';
import { watchedDws } from '../terminal.js';
import { writeManyImages } from './images.js';

const network = fileURLToPath(new URL('../../examples/modules/three-layers.mjs', import.meta.url));

const sets = {
  classes: { images: 130_000, classes: 66_000 },
  images: { images: 120_000, classes: 2 },
};

const mostMinutes = 30;
const mostBytes = 6e9;
/** Seconds without anything new on the terminal, and from Ctrl-C to the end. */
const mostSilence = 60;
/** What a shell reports for Ctrl-C. */
const interrupted = 130;

const shown = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Makes a set under another name first, so that what has the name is whole. */
async function makeSet(folder: string, size: { images: number; classes: number }): Promise<void> {
  if (existsSync(folder)) return;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await writeManyImages(path.join(partial, 'train'), size);
  await rename(partial, folder);
}

/** The commands of a set; every image is trained on and evaluated. */
function commandsOf(data: string, out: string, threads: string): Record<string, string[]> {
  const backbone = ['--backbone', network];
  const batches = ['--batch-size', '4', '--batch-k', '2', '--small-classes', 'drop', '--eval-every', '0'];
  const sizes = ['--image-size', '16', '--feat-dim', '32', '--embed-dim', '32', '--epochs', '1', '--batch-num', '20'];
  const run = ['--out', out, '--threads', threads, '--resume', 'auto'];
  const checkpoint = ['--checkpoint', path.join(out, 'checkpoint.safetensors')];
  return {
    check: ['check', data, ...batches],
    '20 steps': ['train', '--data-path', data, ...backbone, ...batches, ...sizes, ...run],
    evaluation: [
      'eval',
      '--data-path',
      data,
      '--split',
      'train',
      '--metrics',
      'all',
      ...backbone,
      ...checkpoint,
      '--threads',
      threads,
    ],
  };
}

const row = (name: string, { code, seconds, peakMib, silence }: Watched, { stopped }: Watched): string =>
  `| ${name} | ${code} | ${(seconds / 60).toFixed(1)} | ${shown(peakMib)} | ${silence.toFixed(1)} | ${stopped?.toFixed(1) ?? '-'} |`;

/** What is wrong with a command, and with its end by Ctrl-C. */
function problemsOf(what: string, whole: Watched, stopped: Watched): string[] {
  const problems = [];
  const lines = ({ text }: Watched) =>
    text
      .trim()
      .split(/[\r\n]+/)
      .slice(-8)
      .join('\n');
  if (whole.code !== 0) problems.push(`${what} ends with ${whole.code}:\n${lines(whole)}`);
  if (whole.peakMib * 2 ** 20 > mostBytes) problems.push(`${what} takes more than 6 GB`);
  if (whole.silence > mostSilence) problems.push(`${what} shows nothing new for ${whole.silence.toFixed(0)} s`);
  if (stopped.code !== interrupted) problems.push(`${what} ends with ${stopped.code} by Ctrl-C:\n${lines(stopped)}`);
  if ((stopped.stopped ?? Infinity) > mostSilence)
    problems.push(`${what} goes on for ${stopped.stopped?.toFixed(0)} s after Ctrl-C`);
  return problems;
}

export async function benchMany(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      share: { type: 'string', default: '1' },
      threads: { type: 'string', default: '2' },
      sets: { type: 'string', default: Object.keys(sets).join(',') },
      keep: { type: 'string' },
    },
  });
  const share = Number(values.share);
  if (!(share > 0 && share <= 1)) throw new Error('--share takes a number in (0, 1]');
  const chosen = values.sets.split(',');
  const unknown = chosen.filter((name) => !Object.hasOwn(sets, name));
  if (unknown.length > 0) throw new Error(`--sets ${unknown.join(',')}: give some of ${Object.keys(sets).join(',')}`);
  const home = values.keep ?? (await mkdtemp(path.join(tmpdir(), 'dws-many-')));
  await mkdir(home, { recursive: true });
  const problems: string[] = [];
  try {
    console.log(`${cpus()[0]?.model ?? 'CPU'}, --threads ${values.threads}, ${share} of the whole\n`);
    for (const name of chosen as (keyof typeof sets)[]) {
      const size = {
        images: Math.round(share * sets[name].images),
        classes: Math.max(2, Math.round(share * sets[name].classes)),
      };
      const data = path.join(home, `${size.images}-in-${size.classes}`);
      const out = await mkdtemp(path.join(home, 'run-'));
      await makeSet(data, size);
      console.log(`${shown(size.images)} images in ${shown(size.classes)} classes\n`);
      console.log('| | exit code | minutes | peak, MiB | longest silence, s | end by Ctrl-C, s |');
      console.log('| --- | --- | --- | --- | --- | --- |');
      let minutes = 0;
      for (const [what, command] of Object.entries(commandsOf(data, out, values.threads))) {
        const whole = await watchedDws(command);
        // A training that has ended has no second half.
        const again = command.map((word) => (word === out ? `${out}-again` : word));
        const stopped = await watchedDws(what === '20 steps' ? again : command, whole.seconds / 2);
        console.log(row(what, whole, stopped));
        minutes += whole.seconds / 60;
        problems.push(...problemsOf(`${what} of ${name}`, whole, stopped));
      }
      if (minutes > mostMinutes) problems.push(`${name} takes ${minutes.toFixed(0)} minutes`);
      console.log('');
      for (const folder of [out, `${out}-again`]) await rm(folder, { recursive: true, force: true });
    }
  } finally {
    if (values.keep === undefined) await rm(home, { recursive: true, force: true });
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}
