/** `dws train`. */
import { UserError } from '../../runner/base/errors.js';
import { planPrepared } from '../../runner/jobs/plan-training.js';
import { requireProvider } from '../../runner/compute/session.js';
import { prepareTraining } from '../../runner/jobs/prepare-training.js';
import { trainPrepared } from '../../runner/jobs/train.js';
import type { RunOptions } from '../../runner/options/run-options.js';
import type { TrainOptions } from '../../runner/options/train-options.js';
import { isAside } from '../../runner/ranks/place.js';
import type { TrainEvent } from '../../runner/training/events.js';
import { isProgress, stoppingText } from '../../runner/training/events.js';
import { count } from '../format.js';
import { onInterrupt } from '../interrupt.js';
import { outputIsAside } from '../output.js';
import type { OptionValues } from '../options.js';
import { lacksRoom, planText } from '../plan-report.js';
import { afterFirstRank, isRank, startRanks } from '../ranks.js';
import { terminal } from '../terminal.js';
import type { output } from '../train-options.js';
import type { TrainView } from '../train-view.js';
import { jsonView, quietView, silentView, terminalView } from '../train-view.js';

function viewOf({ quiet, json }: Omit<OptionValues<typeof output>, 'plan'>, options: RunOptions): TrainView {
  if (quiet && json) throw new UserError('--quiet with --json: give one of them.');
  if (json) return jsonView(process.stdout);
  return quiet ? quietView(process.stderr) : terminalView(options);
}

/** Trains, and returns the program's exit code. */
async function trainInView(options: RunOptions, view: TrainView): Promise<number> {
  let isBegun = false;
  const interrupt = onInterrupt(() => {
    view.note(`${stoppingText(isBegun, options.resume)}; Ctrl-C again ends at once${isBegun ? ', without' : ''}`);
  });
  const stopped = () => interrupt.exitCode() ?? 0;
  const onEvent = (event: TrainEvent) => {
    isBegun ||= isProgress(event);
    view.handle(event);
  };
  outputIsAside();
  try {
    const result = await trainPrepared(options, { onEvent, signal: interrupt.signal });
    view.finish(result);
    return result.status === 'interrupted' ? stopped() : 0;
  } catch (error) {
    if (interrupt.signal.aborted && error === interrupt.signal.reason) return stopped();
    view.fail(error);
    await afterFirstRank();
    throw error;
  } finally {
    interrupt.release();
  }
}

export async function train(given: TrainOptions, { quiet, json, plan }: OptionValues<typeof output>): Promise<void> {
  const { ranks = 1, device = 'cpu', deviceId = 0 } = given;
  const isAlone = ranks > 1 && !isRank();
  if (isAlone && !plan) {
    // What each of them would say.
    requireProvider({ device, deviceId, threads: 1 });
    process.exitCode = await startRanks(ranks);
    return;
  }
  const { options, notes } = await prepareTraining(
    isAlone ? { ...given, ranks: undefined, syncEvery: undefined } : given,
  );
  if (isAlone) notes.push(`this is the plan of one process; ${ranks} ranks share each batch`);
  if (plan) {
    const onEvent = (event: TrainEvent) => {
      if (event.kind === 'check-progress')
        terminal.status(`checking images of ${event.split} ${count(event.done)}/${count(event.total)}`);
      if (event.kind === 'note') notes.push(event.message);
    };
    const forecast = await planPrepared(options, { onEvent });
    terminal.print(json ? JSON.stringify({ ...forecast, notes }) : planText(forecast, notes));
    if (lacksRoom(forecast)) process.exitCode = 1;
    return;
  }
  const view = isAside() ? silentView : viewOf({ quiet, json }, options);
  for (const note of notes) view.note(note);
  process.exitCode = await trainInView(options, view);
}
