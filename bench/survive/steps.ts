/** SIGKILL before every kind of step of the writes of a run: between a file's content and its name, between two names. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { journalOf, underJournal } from './journal.js';
import type { Trials } from './small-run.js';
import { fingerprint, finishSmall, newestStep, requireSame, runSmall } from './small-run.js';

/** @throws Error when a checkpoint is damaged after a kill, or the resumed run's are other bytes */
export async function killsInWrites({ random, count, data, folder, expected }: Trials): Promise<void> {
  const journal = path.join(path.dirname(folder), 'journal');
  await runSmall(data, folder, { env: underJournal(journal) });
  const steps = (await journalOf(journal)).length;
  await rm(folder, { recursive: true });
  console.log(`a run writes in ${steps} steps`);
  for (let trial = 1; trial <= count; trial++) {
    const at = Math.floor(((trial - 1) * steps) / count) + random.int(Math.max(1, Math.floor(steps / count)));
    await rm(journal, { recursive: true, force: true });
    const { code } = await runSmall(data, folder, { env: underJournal(journal, at) });
    const last = (await journalOf(journal)).at(-1);
    const step = await newestStep(folder);
    await finishSmall(data, folder);
    requireSame(await fingerprint(folder), expected);
    await rm(folder, { recursive: true });
    const what = code === null ? `killed before write ${at + 1}` : 'ended before it was killed';
    console.log(
      `${trial}/${count}  ${what} (${last?.op ?? 'none'} ${path.basename(last?.path ?? '')}), at step ${step}, resumed to the same bytes`,
    );
  }
}
