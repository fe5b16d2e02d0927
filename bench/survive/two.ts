/** A second run of the same folder, at random moments of the first, which is let alone, suspended for a while or killed. */
import { rm } from 'node:fs/promises';
import type { Ended, Trials } from './small-run.js';
import { fingerprint, finishSmall, fraction, requireSame, runSmall } from './small-run.js';

type Fate = 'goes on' | 'is suspended' | 'is killed';
const fates: readonly Fate[] = ['goes on', 'is suspended', 'is killed'];

/** Milliseconds. */
const suspended = 3000;

const isRefused = ({ code, text }: Ended): boolean => code === 1 && /is being written to by process \d+ on /.test(text);

/** @throws Error when both runs train at a time, one ends otherwise than well or refused, or the checkpoints are other bytes */
export async function twoAtOnce({ random, count, data, folder, expected, seconds }: Trials): Promise<void> {
  for (let trial = 1; trial <= count; trial++) {
    const fate = fates[trial % fates.length]!;
    const after = Math.round(1000 * seconds * fraction(random));
    let second: Promise<Ended> | undefined;
    const first = await runSmall(data, folder, {
      after,
      act: (child) => {
        if (fate === 'is killed') child.kill('SIGKILL');
        if (fate === 'is suspended') {
          child.kill('SIGSTOP');
          setTimeout(() => child.kill('SIGCONT'), suspended);
        }
        second = runSmall(data, folder);
      },
    });
    const other = await second;
    for (const [which, ended] of [
      ['first', first],
      ['second', other],
    ] as const) {
      const wasKilled = which === 'first' && fate === 'is killed' && ended?.code === null;
      if (!ended || ended.code === 0 || isRefused(ended) || wasKilled) continue;
      throw new Error(`the ${which} run ended with ${ended.code}:\n${ended.text}`);
    }
    await finishSmall(data, folder);
    requireSame(await fingerprint(folder), expected);
    await rm(folder, { recursive: true });
    const what = other === undefined ? 'had ended before' : `the other ${isRefused(other) ? 'was refused' : 'trained'}`;
    console.log(`${trial}/${count}  the first ${fate} after ${after} ms, ${what}: the same bytes`);
  }
}
