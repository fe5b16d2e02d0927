/** Power cuts at random moments of a run: files are cut back to their last sync, and names to a state since their folder's. */
import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readMetrics } from '../../src/runner/training/metrics-file.js';
import { cutPower, underJournal } from './journal.js';
import type { Trials } from './small-run.js';
import { fingerprint, finishSmall, fraction, newestStep, requireSame, runSmall } from './small-run.js';

/** What a lock says after its machine was started anew: another start than this one, and no sign of life since. */
async function startAnew(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  await writeFile(file, JSON.stringify({ ...(JSON.parse(text) as object), world: 'another pid:[1]' }));
  await utimes(file, 0, 0);
}

/** @throws Error when a checkpoint is damaged or has steps that the metrics lack, or the resumed run's are other bytes */
export async function powerCuts({ random, count, data, folder, expected, seconds }: Trials): Promise<void> {
  const journal = path.join(path.dirname(folder), 'journal');
  for (let trial = 1; trial <= count; trial++) {
    await rm(journal, { recursive: true, force: true });
    const after = Math.round(1000 * seconds * fraction(random));
    await runSmall(data, folder, { env: underJournal(journal), after, act: (child) => void child.kill('SIGKILL') });
    await cutPower(journal, random);
    await startAnew(path.join(folder, 'run.lock'));
    const step = await newestStep(folder);
    const lines = await readMetrics(path.join(folder, 'metrics.jsonl')).catch(() => []);
    const told = Math.max(0, ...lines.map((line) => line.step));
    if (told < step) throw new Error(`the checkpoint has done ${step} steps, the metrics tell of ${told}`);
    const { text } = await finishSmall(data, folder);
    if (/waiting for/.test(text)) throw new Error(`the lock of before the power cut is waited for:\n${text}`);
    if (/lacks steps/.test(text)) throw new Error(`steps are missing:\n${text}`);
    requireSame(await fingerprint(folder), expected);
    await rm(folder, { recursive: true, force: true });
    console.log(
      `${trial}/${count}  cut after ${after} ms, newest checkpoint at step ${step}, resumed to the same bytes`,
    );
  }
}
