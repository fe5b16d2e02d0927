/** `dws verify`. */
import type { Change } from '../../runner/reproduce/changes.js';
import type { CurveComparison } from '../../runner/reproduce/curves.js';
import type { Repetition } from '../../runner/reproduce/repetition.js';
import type { Verification } from '../../runner/reproduce/verify.js';
import { openRun } from '../../runner/reproduce/record.js';
import { verifyRun } from '../../runner/reproduce/verify.js';
import { isAside } from '../../runner/ranks/place.js';
import type { TrainEvent } from '../../runner/training/events.js';
import { count, counted, evalStages } from '../format.js';
import { onInterrupt } from '../interrupt.js';
import type { runModules } from '../modules.js';
import { repeatedModules } from '../modules.js';
import type { OptionValues } from '../options.js';
import { exitCodes } from '../reproduce-codes.js';
import { changeLines, differenceText, tensorText } from '../run-changes.js';
import { isRank, startRanks } from '../ranks.js';
import { terminal } from '../terminal.js';

interface Values extends OptionValues<typeof runModules> {
  epochs: number | undefined;
  dataPath: string | undefined;
  out: string | undefined;
  anyway: boolean;
  json: boolean;
}

const plan = ({ options, lastStep }: Repetition): string =>
  `repeating ${counted(lastStep, 'step')} (${counted(options.epochs, 'epoch')}) with --threads ${options.threads} ` +
  `--seed ${options.seed} on ${options.device}`;

/** What has changed, before anything is trained. */
function printChanges(changes: readonly Change[]): void {
  const say = (title: string, some: readonly Change[]) => {
    if (some.length === 0) return;
    terminal.print(title);
    for (const line of changeLines(some)) terminal.print(`  ${line}`);
  };
  say(
    'changed since the training:',
    changes.filter(({ decides }) => decides),
  );
  say(
    'also another than at the training, but not expected to change a bit:',
    changes.filter(({ decides }) => !decides),
  );
}

function showProgress(event: TrainEvent): void {
  if (event.kind === 'check-progress') {
    terminal.status(`checking images ${count(event.done)}/${count(event.total)}`);
  } else if (event.kind === 'steps') {
    terminal.status(`epoch ${event.epoch + 1}  step ${event.stepsDone}/${event.stepsPerEpoch}`, 'the same so far');
  } else if (event.kind === 'eval-progress') {
    terminal.status(`${evalStages[event.stage]} ${count(event.done)}/${count(event.total)}`);
  }
}

/** Why a repeated training is another one. */
function differenceLines({ curves, weights, replaced, changes, suspects }: Verification): string[] {
  const { first, tensors } = weights ?? {};
  const deciding = [...changes, ...replaced].filter(({ decides }) => decides);
  return [
    ...(curves?.first ? [differenceText(curves.first)] : []),
    ...(!curves?.first && curves && curves.onlyA > 0 ? [`${counted(curves.onlyA, 'step')} could not be repeated`] : []),
    ...(!curves?.first && first ? [`the weights after epoch ${first.epoch}, step ${first.step}`] : []),
    ...(tensors ? [tensorText(tensors, ['the run', 'its repetition'])] : []),
    ...(deciding.length > 0
      ? [`what has changed: ${deciding.map(({ name }) => name).join(', ')}`]
      : ['nothing that is recorded has changed', ...suspects]),
  ];
}

/** Steps that were not there to be compared with. */
const gapLines = ({ onlyB, steps }: CurveComparison): string[] =>
  onlyB === 0
    ? []
    : [
        `not compared: ${counted(onlyB, 'step')} that its metrics.jsonl lacks${steps === 0 ? '' : ', as after a power cut'}`,
      ];

/** The last lines; the first word is the answer. */
function resultLines(run: string, verification: Verification): string[] {
  const { outcome, curves, weights } = verification;
  switch (outcome) {
    case 'identical':
      return [
        `identical: ${counted(curves!.steps, 'step')}, ${counted(curves!.evaluations, 'evaluation')} and ` +
          `${counted(weights!.checkpoints, 'checkpoint')} are those of ${run}, bit for bit`,
        ...gapLines(curves!),
      ];
    case 'differs':
      return [`differs from ${run}:`, ...differenceLines(verification).map((line) => `  ${line}`)];
    case 'changed':
      return ['not repeated: the numbers may be others. Repeat it all the same with --anyway.'];
    case 'interrupted':
      return ['interrupted'];
  }
}

export async function verify(run: string, values: Values): Promise<void> {
  const { ranks = 1 } = (await openRun(run)).last.options;
  if (ranks > 1 && !isRank()) {
    process.exitCode = await startRanks(ranks);
    return;
  }
  const { json, epochs, dataPath, anyway, out: given, ...modules } = values;
  const aside = isAside();
  const out = aside ? undefined : given;
  const interrupt = onInterrupt(() => terminal.print('stopping; Ctrl-C again ends at once'));
  const print = (text: string) => {
    if (!json && !aside) terminal.print(text);
  };
  let planned: Repetition | undefined;
  try {
    const verification = await verifyRun(
      run,
      { epochs, dataPath, out, anyway, modules: repeatedModules(modules) },
      {
        signal: interrupt.signal,
        onEvent: (event) => {
          if (event.kind === 'note') print(event.message);
          // What can't be read has been found by then.
          else if (event.kind === 'start' && planned) print(plan(planned));
          else if (!aside) showProgress(event);
        },
        onHashed: (done, total) => !aside && terminal.status(`hashing images ${count(done)}/${count(total)}`),
        onChanges: (changes, repetition) => {
          planned = repetition;
          if (!json && !aside) printChanges(changes);
        },
      },
    );
    terminal.clear();
    if (json && !aside) terminal.print(JSON.stringify(verification, null, 2));
    for (const line of json ? [] : resultLines(run, verification)) print(line);
    const codes = { identical: exitCodes.same, differs: exitCodes.differs, changed: exitCodes.changed };
    const { outcome } = verification;
    process.exitCode = outcome === 'interrupted' ? (interrupt.exitCode() ?? exitCodes.error) : codes[outcome];
  } finally {
    interrupt.release();
  }
}
