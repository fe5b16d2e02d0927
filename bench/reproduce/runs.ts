/** Trainings through the built program, and their records. */
import { spawn } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { RunRecord } from '../../src/runner/reproduce/record.js';
import { decodeRecord, encodeRecord, RECORD } from '../../src/runner/reproduce/record.js';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Two epochs of ResNet-18. */
export const settings = (steps: number): string[] => [
  ...'--model resnet18 --image-size 64 --feat-dim 64 --embed-dim 32 --batch-size 20 --batch-k 5'.split(' '),
  ...'--small-classes repeat --optimizer adam --lr 0.0003 --seed 5 --epochs 2 --batch-num'.split(' '),
  String(steps),
];

export interface Ended {
  code: number | null;
  /** Of both streams. */
  text: string;
  seconds: number;
}

/** @param killAt the process gets SIGKILL when its output first matches */
export function dws(args: readonly string[], killAt?: RegExp): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (killAt?.test(text)) child.kill('SIGKILL');
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, text, seconds: (performance.now() - started) / 1000 }));
  });
}

/** @throws Error with what it printed when it ends with another code */
export async function expectDws(code: number, args: readonly string[]): Promise<Ended> {
  const ended = await dws(args);
  if (ended.code === code) return ended;
  throw new Error(`dws ${args.join(' ')} ended with ${ended.code} instead of ${code}:\n${ended.text}`);
}

/** A copy of a run with another record. */
export async function editedRun(run: string, copy: string, edit: (record: RunRecord) => unknown): Promise<string> {
  await cp(run, copy, { recursive: true });
  const file = path.join(copy, RECORD);
  const record = decodeRecord(await readFile(file, 'utf8'), file);
  edit(record);
  await writeFile(file, encodeRecord(record));
  return copy;
}

/** Adds 1 to one value of one pixel of a PNG, or takes 1 away. */
export async function changePixel(image: string): Promise<void> {
  const { data, info } = await sharp(image).raw().toBuffer({ resolveWithObject: true });
  data[0]! ^= 1;
  await sharp(data, { raw: info }).png().toFile(image);
}
