/** A training of a few seconds in a process of its own, to be killed and resumed. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { Philox } from '../../src/graph/state/philox.js';
import { loadCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';

const built = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const classes = 4;
const imagesOfClass = 3;
const imageSize = 24;

/** Draws train/CLASS/N.png and val/CLASS/N.png of noise. */
export async function writeNoise(root: string): Promise<void> {
  for (const [s, split] of ['train', 'val'].entries()) {
    for (let label = 0; label < classes; label++) {
      const folder = path.join(root, split, String(label));
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < imagesOfClass; i++) {
        const pixels = new Philox(s, 'images', label, i).fillBytes(new Uint8Array(imageSize ** 2 * 3));
        const raw = { width: imageSize, height: imageSize, channels: 3 } as const;
        await sharp(pixels, { raw })
          .png()
          .toFile(path.join(folder, `${i}.png`));
      }
    }
  }
}

/** Two epochs of 24 steps, a checkpoint every second step: most of its time comes after the first one. */
const settings =
  '--model squeezenet1_1 --image-size 32 --feat-dim 16 --embed-dim 8 --batch-size 4 --batch-k 2 --seed 3 --lr 0.001 ' +
  '--epochs 2 --batch-num 24 --steps-per-run 1 --checkpoint-every 2 --keep 2 --workers 1 --threads 1 --resume auto';

export interface Ended {
  code: number | null;
  /** Of both streams. */
  text: string;
  seconds: number;
}

export interface Circumstances {
  /** The built program, where it is not this package's. */
  program?: string;
  more?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** A file in place of the pipe that the output goes into. */
  stdout?: string;
  /** Milliseconds until `act`, unless the process has ended. */
  after?: number;
  act?: (child: ChildProcess) => void;
}

/** Trains, under circumstances or until SIGKILL after so many milliseconds. */
export function runSmall(data: string, out: string, given: number | Circumstances = {}): Promise<Ended> {
  const kill: Circumstances['act'] = (child) => void child.kill('SIGKILL');
  const circumstances = typeof given === 'number' ? { after: given, act: kill } : given;
  const { program = built, more = [], env = {}, stdout, after, act }: Circumstances = circumstances;
  const output = stdout === undefined ? undefined : openSync(stdout, 'w');
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const args = [program, 'train', '--data-path', data, '--out', out, ...settings.split(' '), ...more];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', output ?? 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    if (output !== undefined) closeSync(output);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    }
    const timer = act && setTimeout(() => act(child), after);
    child.on('error', reject).on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, text, seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** @throws Error with what it printed when it has not ended well */
export async function finishSmall(data: string, out: string): Promise<Ended> {
  const ended = await runSmall(data, out);
  if (ended.code !== 0) throw new Error(`the run in ${out} ended with ${ended.code}:\n${ended.text}`);
  return ended;
}

const isCheckpoint = (name: string): boolean => name.endsWith('.safetensors');

/** SHA-256 of each checkpoint of a folder, by name. */
export async function fingerprint(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter(isCheckpoint).sort();
  const hash = async (name: string) =>
    createHash('sha256')
      .update(await readFile(path.join(folder, name)))
      .digest('hex');
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await hash(name)] as const)));
}

/** @throws Error naming each checkpoint that is not as it should be */
export function requireSame(
  actual: Record<string, string>,
  expected: Record<string, string>,
  names = Object.keys(expected),
): void {
  const other = names
    .filter((name) => actual[name] !== expected[name])
    .map((name) => (name in actual ? name : `${name} (missing)`));
  if (other.length > 0) throw new Error(`other bytes than the uninterrupted run's: ${other.join(', ')}`);
}

/** Reads every checkpoint of a folder, and returns the steps of the newest; 0 when there is none. @throws UserError for a damaged one */
export async function newestStep(folder: string): Promise<number> {
  const names = (await readdir(folder).catch(() => [])).filter(isCheckpoint);
  const steps = await Promise.all(
    names.map(async (name) => (await loadCheckpoint(path.join(folder, name))).metadata.step),
  );
  return Math.max(0, ...steps);
}

export interface Trials {
  /** Of its own for each benchmark. */
  random: Philox;
  count: number;
  data: string;
  /** A folder for each trial's run; not there yet. */
  folder: string;
  expected: Record<string, string>;
  /** Of the uninterrupted run. */
  seconds: number;
}

export const fraction = (random: Philox): number => random.uint32() / 2 ** 32;

/** Makes data and an uninterrupted run to compare with, and cleans up afterwards. */
export async function inFreshFolder<T>(seed: number, count: number, body: (trials: Trials) => Promise<T>): Promise<T> {
  const root = await mkdtemp(path.join(tmpdir(), 'dws-survive-'));
  try {
    const data = path.join(root, 'data');
    await writeNoise(data);
    const whole = path.join(root, 'whole');
    await finishSmall(data, whole);
    const again = path.join(root, 'again');
    const { seconds } = await finishSmall(data, again);
    const expected = await fingerprint(whole);
    requireSame(await fingerprint(again), expected);
    console.log(`uninterrupted: ${seconds.toFixed(1)} s, ${Object.keys(expected).join(' ')}`);
    const random = new Philox(seed, 'sampling');
    return await body({ random, count, data, folder: path.join(root, 'run'), expected, seconds });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
