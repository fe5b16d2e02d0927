/** `dws eval`. */
import { searchTexts } from '../../runner/data/search-sets.js';
import type { Split } from '../../runner/data/folder.js';
import type { Evaluation, MetricsChoice } from '../../runner/evaluation/evaluate.js';
import { evaluate } from '../../runner/evaluation/evaluate.js';
import { passedOverNote } from '../../runner/data/passed-over.js';
import { count, duration, evalStages, imagesText, recallTable } from '../format.js';
import type { OptionValues } from '../options.js';
import type { device, inference, ranks } from '../option-tables.js';
import { asRanks } from '../ranked.js';
import { terminal } from '../terminal.js';

interface Values extends Omit<OptionValues<typeof inference & typeof ranks & typeof device>, 'threads'> {
  threads: number | undefined;
  dataPath: string;
  valSplit: string | undefined;
  split: Split;
  metrics: MetricsChoice;
  ks: number[];
  json: boolean;
}

function printEvaluation(
  { split, dataPath: folder }: { split: Split; dataPath: string },
  { recall, metrics, skipped, passedOver, notes, seconds, ...counts }: Evaluation,
): void {
  terminal.print(recallTable(split, recall));
  for (const [name, value] of Object.entries(metrics ?? {})) terminal.print(`${name}  ${value.toFixed(4)}`);
  for (const text of searchTexts(counts)) terminal.print(text);
  const note = passedOverNote(passedOver, folder);
  if (note !== undefined) terminal.print(note);
  for (const text of notes) terminal.print(`note: ${text}`);
  const used = imagesText({ ...counts, skipped: skipped.length });
  terminal.print(`${used}, evaluated in ${duration(seconds)}`);
}

/** Returns the program's exit code. */
export const evaluateCheckpoint = ({ json, ...values }: Values): Promise<number> =>
  asRanks('dws eval', values, async (options, signal) => {
    const evaluation = await evaluate(options, {
      signal,
      onProgress: (stage, done, total) => terminal.status(`${evalStages[stage]} ${count(done)}/${count(total)}`),
    });
    if (json) terminal.print(JSON.stringify(evaluation, null, 2));
    else printEvaluation(values, evaluation);
  });
