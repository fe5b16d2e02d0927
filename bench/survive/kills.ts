/** SIGKILL at random moments of a run. */
import { rm } from 'node:fs/promises';
import type { Trials } from './small-run.js';
import { fingerprint, finishSmall, fraction, newestStep, requireSame, runSmall } from './small-run.js';

/** @throws Error when a checkpoint is damaged after a kill, or the resumed run's are other bytes */
export async function kills({ random, count, data, folder, expected, seconds }: Trials): Promise<void> {
  for (let trial = 1; trial <= count; trial++) {
    const after = Math.round(1000 * seconds * fraction(random));
    const { code } = await runSmall(data, folder, after);
    const step = await newestStep(folder);
    await finishSmall(data, folder);
    requireSame(await fingerprint(folder), expected);
    await rm(folder, { recursive: true });
    const what = code === null ? `killed after ${after} ms` : 'ended before it was killed';
    console.log(`${trial}/${count}  ${what}, newest checkpoint at step ${step}, resumed to the same bytes`);
  }
}
