/** One model's row of the benchmark. */
import { buildTrainLoop } from '../../src/graph/artifacts/artifacts.js';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { decodeModel } from '../../src/graph/onnx/schema.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import type { Timing } from '../step/main.js';
import { median, time, timeOurs } from '../step/main.js';
import { checkExport, nodeCount } from './graph.js';

export interface Measured {
  model: string;
  batch: number;
  /** Height and width of the images, in pixels. */
  size: number;
  threads: number;
  parameters: number;
  /** Of `train_loop.onnx`, the Loop's body included. */
  nodes: number;
  /** Size of `train_loop.onnx`. */
  artifact_bytes: number;
  session_s: number;
  step_s: number;
  peak_mib: number;
  peer_step_s: number;
  peer_peak_mib: number;
  /** Ours to PyTorch's, the median of the rounds. */
  step_ratio: number;
  memory_ratio: number;
  rounds: { ours: Timing; peer: Timing }[];
}

export interface Settings {
  rounds: number;
  /** Steps that are timed in a round. */
  steps: number;
  threads: number;
  python: string;
  /** PyTorch's step: a script that prints its timing as JSON. */
  peer: string;
}

/**
 * Builds a model's training loop, runs its export, and times a step beside PyTorch's, in turn, each in a process of its own.
 *
 * @throws Error when one of them fails
 */
export async function measureModel(
  options: TrainingOptions,
  { rounds: count, steps, threads, python, peer }: Settings,
): Promise<Measured> {
  const { model, imageSize, batchSize, batchK } = options;
  const loop = buildTrainLoop(options);
  await checkExport(options, { device: 'cpu', deviceId: 0, threads });
  const common = { model, batch: batchSize, k: batchK, size: imageSize, steps, threads };
  const args = Object.entries(common).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const rounds: Measured['rounds'] = [];
  while (rounds.length < count) {
    const ours = await timeOurs(args);
    rounds.push({ ours, peer: await time(python, [peer, ...args]) });
  }
  const over = (value: (round: (typeof rounds)[number]) => number) => median(rounds.map(value));
  return {
    model,
    batch: batchSize,
    size: imageSize,
    threads,
    parameters: describeNetwork(options).paramCount,
    nodes: nodeCount(decodeModel(loop).graph),
    artifact_bytes: loop.length,
    session_s: over(({ ours }) => ours['session_s'] as number),
    step_s: over(({ ours }) => ours.step_s),
    peak_mib: over(({ ours }) => ours.peak_mib),
    peer_step_s: over(({ peer }) => peer.step_s),
    peer_peak_mib: over(({ peer }) => peer.peak_mib),
    step_ratio: over(({ ours, peer }) => ours.step_s / peer.step_s),
    memory_ratio: over(({ ours, peer }) => ours.peak_mib / peer.peak_mib),
    rounds,
  };
}
