/** Output that is lost, and terminals that close, at random moments of a run: it goes on without, or stops with a checkpoint. */
import { rm } from 'node:fs/promises';
import type { Circumstances, Trials } from './small-run.js';
import { fingerprint, finishSmall, fraction, newestStep, requireSame, runSmall } from './small-run.js';

interface Loss extends Circumstances {
  /** The exit codes that tell what happened; 0 where the run had ended before. */
  codes: readonly number[];
}

const losses: Record<string, Loss> = {
  'reader gone': { act: (child) => child.stdout!.destroy(), codes: [0, 141] },
  'reader of JSON gone': { more: ['--json'], act: (child) => child.stdout!.destroy(), codes: [0, 141] },
  'full disk under the log': { stdout: '/dev/full', codes: [0] },
  'full disk under JSON': { more: ['--json'], stdout: '/dev/full', codes: [0] },
  SIGHUP: { act: (child) => void child.kill('SIGHUP'), codes: [0, 129] },
  'SIGHUP, three times': {
    act: (child) => [1, 2, 3].forEach(() => child.kill('SIGHUP')),
    codes: [0, 129],
  },
};

/** How a process ends that Node.js or the system ends before the program's own first line. */
const tooEarly = null;

/** @throws Error when a run ends otherwise, with a stack, or the resumed run's checkpoints are other bytes */
export async function lostOutput({ random, count, data, folder, expected, seconds }: Trials): Promise<void> {
  const names = Object.keys(losses);
  for (let trial = 1; trial <= count; trial++) {
    const name = names[trial % names.length]!;
    const { codes, ...circumstances } = losses[name]!;
    const after = Math.round(1000 * seconds * fraction(random));
    const { code, text } = await runSmall(data, folder, { ...circumstances, after });
    const isKnown = codes.includes(code!) || (code === tooEarly && name.startsWith('SIGHUP'));
    if (!isKnown || /^\s+at /m.test(text))
      throw new Error(`${name} after ${after} ms: the run ended with ${code}:\n${text}`);
    const step = await newestStep(folder);
    await finishSmall(data, folder);
    requireSame(await fingerprint(folder), expected);
    await rm(folder, { recursive: true });
    console.log(
      `${trial}/${count}  ${name} after ${after} ms: ended with ${code} at step ${step}, resumed to the same bytes`,
    );
  }
}
