/** train.json: whole training steps, network and beta updated together. */
import { buildOptimizerModel, buildTrainingModel } from '../../src/graph/artifacts/artifacts.js';
import { describeNetwork, initialState } from '../../src/graph/step/describe.js';
import type { OptimizerName, TrainingOptions } from '../../src/graph/options.js';
import { elementCount } from '../../src/graph/onnx/types.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import type { Check, Digest } from './golden.js';
import { closeTo, exact, fillState, sym, unit } from './golden.js';
import { Runner } from './session.js';

export interface TrainCase {
  model: string;
  optimizer: OptimizerName;
  seed: number;
  size: number;
  batch: number;
  batch_k: number;
  classes: number;
  lr: number;
  lr_beta: number;
  momentum: number;
  wd: number;
  margin: number;
  beta: number;
  steps: { labels: number[]; negatives: number[][]; loss: number; pairs: number }[];
  params_after: Record<string, Digest>;
  running_after: Record<string, Digest>;
}

/** Adam's first steps divide tiny gradients by their own size: its later losses carry rounding further. */
const lossBound = (optimizer: OptimizerName, step: number) => (optimizer === 'adam' && step > 0 ? 0.05 : 1e-3);

export async function trainParity(golden: TrainCase, device: DeviceOptions): Promise<Check[]> {
  const { model, optimizer, seed, size, batch, batch_k: batchK, classes } = golden;
  const options: TrainingOptions = {
    model,
    featDim: golden.params_after['dense.weight']!.shape[1]!,
    embedDim: golden.params_after['dense.weight']!.shape[0]!,
    imageSize: size,
    batchSize: batch,
    batchK,
    classes,
    margin: golden.margin,
    nu: 0,
    beta: golden.beta,
    learnBeta: true,
    normalizeWeights: false,
    dropout: 0,
    freezeBn: false,
    backboneLrMult: 1,
    optimizer,
    momentum: golden.momentum,
    weightDecay: golden.wd,
    provider: device.device,
  };
  const layout = describeNetwork(options);
  const tensors = fillState(stateOrder(golden), seed);
  let state = initialState(options, seed, layout);
  for (const [specs, vector] of [
    [layout.params, state['params']!],
    [layout.buffers, state['buffers']!],
  ] as const) {
    let offset = 0;
    for (const { name, shape } of specs) {
      vector.set(tensors.get(name)!, offset);
      offset += elementCount(shape);
    }
  }
  const training = await Runner.open(buildTrainingModel(options, 'float32-nchw'), device);
  const update = await Runner.open(buildOptimizerModel(options), device);
  const checks: Check[] = [];
  for (const [i, step] of golden.steps.entries()) {
    const images = sym(batch * 3 * size * size, seed * 100000 + 91000 + i);
    const out = await training.run({
      ...state,
      images: Float32Array.from(images, (x) => 1.5 * x),
      labels: Int32Array.from(step.labels),
      uniforms: Float32Array.from(unit(batch * (batchK - 1), seed * 100000 + 92000 + i)),
    });
    const rates = { lr: Float32Array.of(golden.lr), lr_beta: Float32Array.of(golden.lr_beta) };
    const next = await update.run({
      ...state,
      ...rates,
      gradients: out['gradients']!,
      beta_gradient: out['beta_gradient']!,
    });
    const entries = Object.entries({ ...next, buffers_out: out['buffers_out']! });
    state = Object.fromEntries(entries.map(([name, value]) => [name.replace(/_out$/, ''), value]));

    const what = `${model} ${optimizer} step ${i}`;
    if (optimizer === 'sgd' || i === 0) {
      checks.push(
        exact(`${optimizer} negatives`, what, step.negatives.flat().join() === out['negatives']!.join()),
        exact(`${optimizer} pairs`, what, step.pairs === out['pairs']![0]),
      );
    }
    checks.push(closeTo(`${optimizer} loss`, what, out['loss']![0]!, step.loss, lossBound(optimizer, i)));
  }
  await training.close();
  await update.close();
  return checks;
}

/** The state_dict's order: running statistics follow the bias of their layer. */
function stateOrder({ params_after, running_after }: TrainCase): [string, number[]][] {
  return Object.entries(params_after).flatMap(([name, { shape }]) => {
    const layer = name.replace(/\.bias$/, '');
    const running = ['running_mean', 'running_var']
      .map((statistic) => `${layer}.${statistic}`)
      .filter((statistic) => name.endsWith('.bias') && statistic in running_after);
    return [[name, shape], ...running.map((statistic): [string, number[]] => [statistic, shape])] as [
      string,
      number[],
    ][];
  });
}
