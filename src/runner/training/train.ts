/** A training from its options to its end: opened, kept within its time, and closed whatever happens. */
import { loadCheckpoint } from '../checkpoints/checkpoint.js';
import { blamed, blaming } from '../modules/blame.js';
import { loadModules } from '../modules/load.js';
import { parseRunOptions } from '../options/plan.js';
import type { RunOptions } from '../options/run-options.js';
import { isProgress, stoppingText } from './events.js';
import type { RunHooks, TrainEvent, TrainResult } from './events.js';
import type { OpenObserver } from './observer.js';
import { Observers } from './observer.js';
import { openTraining, startOf } from './setup.js';
import type { Closers } from './setup.js';
import { timeLimit } from './time-limit.js';
import { Training } from './training.js';

const heartbeatMilliseconds = 500;

/**
 * Trains, with checkpoints and `metrics.jsonl`, and nothing else written but by the observers.
 *
 * @throws UserError for options, data, a checkpoint, a folder or a device that can't be used, and when a loss or the state
 *   is not finite any more; checkpoints written before stay as they are
 */
export async function runTraining(
  options: RunOptions,
  hooks: RunHooks,
  openers: readonly OpenObserver[],
): Promise<TrainResult> {
  const modules = await loadModules(options.modules);
  const plan = blaming(modules, () => parseRunOptions(options, modules));
  const { maxHours } = plan.guard;
  const closers: Closers = [];
  let isBegun = false;
  const onUp = () => {
    hooks.onEvent({
      kind: 'note',
      message: `--max-hours ${maxHours} are over: ${stoppingText(isBegun, options.resume)}`,
    });
  };
  const limit = timeLimit(maxHours, hooks.signal, onUp);
  const heartbeat = setInterval(() => {
    hooks.onEvent({ kind: 'heartbeat' });
    limit.check();
  }, heartbeatMilliseconds);
  const onEvent = (event: TrainEvent) => {
    isBegun ||= isProgress(event);
    hooks.onEvent(event);
  };
  const limited = { ...hooks, onEvent, signal: limit.signal };
  const stopped = () => (limit.isUp() ? 'time-up' : 'interrupted');
  try {
    const setup = await openTraining(plan, limited, closers);
    return await Observers.during(openers, setup, limited, async (observers) => {
      const result = await new Training(setup, observers).run();
      return result.status === 'interrupted' ? { ...result, status: stopped() } : result;
    });
  } catch (error) {
    if (!limit.signal.aborted || error !== limit.signal.reason) throw blamed(error, modules.facts) ?? error;
    // Before the first step: nothing to save.
    const { resume } = plan.weights;
    const { epoch, step } = startOf(plan.schedule, resume === undefined ? undefined : await loadCheckpoint(resume));
    return { status: stopped(), epoch, step, files: { checkpoint: resume } };
  } finally {
    clearInterval(heartbeat);
    for (const close of closers.reverse()) await close();
  }
}
