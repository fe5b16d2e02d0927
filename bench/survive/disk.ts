/** Runs on a disk that fills up, and on one that is read-only: a small tmpfs, which takes root. */
import { execFileSync } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Trials } from './small-run.js';
import { fingerprint, finishSmall, fraction, newestStep, requireSame, runSmall } from './small-run.js';

const diskBytes = 64 * 2 ** 20;
/** A checkpoint of the run; two are there while the second is written. */
const checkpointBytes = 5.8e6;

const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'pipe' });

function requireFailure(ended: { code: number | null; text: string }, message: RegExp): void {
  if (ended.code === 1 && message.test(ended.text) && !/^\s+at /m.test(ended.text)) return;
  throw new Error(`the run ended with ${ended.code} and not as it should:\n${ended.text}`);
}

async function fillUp(disk: string, leave: number): Promise<string> {
  const filler = path.join(disk, 'filler');
  const { bavail, bsize } = await statfs(disk);
  await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - leave)));
  return filler;
}

/** @returns false when no file system can be mounted here. @throws Error as `kills` */
export async function fullDisks({ random, count, data, folder, expected }: Trials): Promise<void> {
  const disk = `${folder}-disk`;
  await mkdir(disk);
  try {
    mount('-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', disk);
  } catch (error) {
    console.log(`skipped: can't mount a tmpfs (${(error as Error).message.split('\n')[0]}); root can`);
    return;
  }
  const out = path.join(disk, 'run');
  try {
    for (let trial = 1; trial <= count; trial++) {
      const leave = Math.round(2 * checkpointBytes * fraction(random));
      const filler = await fillUp(disk, leave);
      requireFailure(
        await runSmall(data, out),
        // Before the first step where not even one checkpoint fits, later otherwise.
        /can't write .*(: the disk is full|its disk has .* left); free some space or choose another folder/,
      );
      const step = await newestStep(out);
      await rm(filler);
      await finishSmall(data, out);
      requireSame(await fingerprint(out), expected);
      await rm(out, { recursive: true });
      console.log(
        `${trial}/${count}  full with ${(leave / 1e6).toFixed(1)} MB left, newest checkpoint at step ${step}, resumed to the same bytes`,
      );
    }
    await runSmall(data, out, 1500);
    mount('-o', 'remount,ro', disk);
    requireFailure(
      await runSmall(data, out),
      /can't write .*: the file system is read-only; choose another folder \(EROFS\)/,
    );
    mount('-o', 'remount,rw', disk);
    await finishSmall(data, out);
    requireSame(await fingerprint(out), expected);
    console.log('read-only: refused, then resumed to the same bytes');
  } finally {
    execFileSync('umount', [disk]);
  }
}
