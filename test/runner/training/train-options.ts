/** Options of the smallest training that has everything. */
import type { RunOptions } from '../../../src/runner/options/run-options.js';
import type { TrainEvent, TrainResult } from '../../../src/runner/training/events.js';
import { train } from '../../../src/runner/jobs/train.js';

export function smallRun(options: Pick<RunOptions, 'dataPath' | 'out'> & Partial<RunOptions>): RunOptions {
  return {
    model: 'squeezenet1_1',
    featDim: 16,
    embedDim: 8,
    imageSize: 32,
    batchSize: 4,
    batchK: 2,
    batchNum: 2,
    margin: 0.2,
    nu: 0,
    beta: 1.2,
    normalizeWeights: false,
    freezeBn: false,
    backboneLrMult: 1,
    optimizer: 'sgd',
    momentum: 0.9,
    weightDecay: 1e-4,
    lr: 0.01,
    lrBeta: 0.1,
    factor: 0.5,
    steps: [2],
    epochs: 1,
    startEpoch: 0,
    seed: 7,
    savePrefix: '',
    printFreq: 1,
    keep: 0,
    skipBad: false,
    smallClasses: 'error',
    resize: 'stretch',
    filter: 'triangle',
    flip: 0.5,
    workers: 0,
    cache: 'none',
    device: 'cpu',
    deviceId: 0,
    threads: 1,
    ...options,
  };
}

/** Trains, aborting at the first event that `stopAt` likes. */
export async function trainSmall(
  options: Parameters<typeof smallRun>[0],
  stopAt: (event: TrainEvent) => boolean = () => false,
): Promise<TrainResult & { events: TrainEvent[] }> {
  const controller = new AbortController();
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent) => {
    events.push(event);
    if (stopAt(event)) controller.abort();
  };
  return { ...(await train(smallRun(options), { onEvent, signal: controller.signal })), events };
}
