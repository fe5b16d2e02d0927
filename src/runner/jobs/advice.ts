/** What to try where a training can't come to much: told of its options before the first step, and of its result at the end. */
import type { TrainingPlan } from '../options/plan.js';
import type { TrainResult } from '../training/events.js';
import type { OpenObserver } from '../training/observer.js';

/** Below these rates, a network that starts from random weights hardly moves in the epochs that people give it. */
const smallRates: Readonly<Record<string, number>> = { sgd: 1e-3, adam: 1e-5 };

const lively = { optimizer: 'adam', lr: 3e-4 };
const livelyText = '--optimizer adam --lr 3e-4';
const pretrainedText = 'pretrained weights with --use-pretrained';
const better = `${livelyText}, or ${pretrainedText}`;

const isFromScratch = ({ weights, modules }: TrainingPlan): boolean =>
  weights.source === undefined && modules.definitions.backbone === undefined;

/** Rates like those of the published scripts, which train pretrained networks further. */
function rateAdvice(plan: TrainingPlan): string | undefined {
  const { lr } = plan.schedule;
  const { optimizer } = plan.graph;
  const least = plan.modules.definitions.optimizer ? undefined : smallRates[optimizer];
  if (!isFromScratch(plan) || plan.weights.resume !== undefined || least === undefined || lr >= least) return undefined;
  return (
    `--optimizer ${optimizer} with --lr ${lr} suits pretrained weights; a network that starts from random ones may end below ` +
    `where it began. Try ${better}.`
  );
}

/** Around 60 % and 80 % of the epochs, where there are enough of them. */
function reachedSteps(epochs: number): number[] {
  const wanted = [0.6, 0.8].map((share) => Math.round(share * epochs));
  return [...new Set(wanted)].filter((epoch) => epoch > 0 && epoch < epochs);
}

function stepsAdvice({ schedule: { steps, epochs } }: TrainingPlan): string | undefined {
  const unreached = steps.filter((epoch) => epoch >= epochs);
  if (unreached.length === 0) return undefined;
  const which =
    unreached.length === steps.length ? `--steps ${steps.join()}` : `${unreached.join()} of --steps ${steps.join()}`;
  const instead = reachedSteps(epochs);
  const advice = instead.length > 0 ? ` Try --steps ${instead.join()}.` : '';
  const effect = unreached.length === steps.length ? 'the learning rates are never lowered.' : 'they lower no rate.';
  return `no epoch reaches ${which} (--epochs ${epochs}, counted from 0): ${effect}${advice}`;
}

/** What there is to say of the options, a line each. */
export const adviceBefore = (plan: TrainingPlan): string[] =>
  [rateAdvice(plan), stepsAdvice(plan)].filter((line) => line !== undefined);

/** What may come to more than a training that has come to nothing, and is not what it was told already. */
function afterwards(plan: TrainingPlan): string[] {
  const { schedule, graph, modules } = plan;
  const { lr } = schedule;
  if (!isFromScratch(plan)) {
    const slower = graph.backboneLrMult > 0.1 ? ['--backbone-lr-mult 0.1'] : [];
    return [`a lower --lr (now ${lr})`, ...slower];
  }
  const isLively =
    modules.definitions.optimizer === undefined && graph.optimizer === lively.optimizer && lr === lively.lr;
  return [...(isLively ? [] : [livelyText]), pretrainedText];
}

/**
 * What there is to say of the result, if anything.
 *
 * @param before Recall@1 before the first step
 */
export function adviceAfter(
  plan: TrainingPlan,
  best: TrainResult['best'],
  before: number | undefined,
): string | undefined {
  // Nothing is better than 1.
  if (best === undefined || before === undefined || best.recall > before || before >= 1) return undefined;
  return (
    `the best Recall@1, ${best.recall.toFixed(4)} after step ${best.step}, is not better than the ${before.toFixed(4)} before the ` +
    `training. Try ${afterwards(plan).join(', or ')}, or more --epochs.`
  );
}

/** Tells advice as events of their own: a training's notes are of what has happened. */
export const openAdviser: OpenObserver = (setup, hooks) => {
  const { plan } = setup;
  const tell = (message: string) => hooks.onEvent({ kind: 'advice', message });
  let pending = adviceBefore(plan);
  return Promise.resolve({
    onEvent: ({ kind }) => {
      // After what the training says of itself.
      if (kind === 'start' || kind === 'heartbeat') return;
      const lines = pending;
      pending = [];
      lines.forEach(tell);
    },
    finish: ({ best, before }) => {
      const line = adviceAfter(plan, best, before?.[1]);
      if (line !== undefined) tell(line);
      return Promise.resolve();
    },
  });
};
