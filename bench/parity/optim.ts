/** optim.json: a few steps of an optimizer on 1000 values. */
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import { optimizerOf } from '../../src/graph/parts/parts.js';
import { beginUpdate } from '../../src/graph/step/update.js';
import type { OptimizerName, TrainingOptions } from '../../src/graph/options.js';
import type { NetworkLayout } from '../../src/graph/state/state.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import type { Check, Digest } from './golden.js';
import { againstDigest, sym } from './golden.js';
import type { Feeds } from './session.js';
import { Runner } from './session.js';

export interface OptimCase {
  kind: OptimizerName;
  seed: number;
  steps: number;
  lr: number;
  factor: number;
  step_every: number;
  momentum: number;
  weight_decay: number;
  final: Digest;
}

const bound = 1e-5;

const none = (): never => {
  throw new Error('an update computes no loss');
};

export async function optimParity(golden: OptimCase, device: DeviceOptions): Promise<Check[]> {
  const { kind, seed, momentum, weight_decay: weightDecay, final } = golden;
  const n = final.shape[0]!;
  const lengths: Record<OptimizerName, Record<string, number>> = {
    sgd: { params: n, momentum: n },
    adam: { params: n, exp_avg: n, exp_avg_sq: n, bias_correction: 2 },
  };
  const g = new GraphBuilder();
  const names = Object.entries(lengths[kind]);
  const state = Object.fromEntries(names.map(([name, length]) => [name, g.input(name, 'float32', [length])]));
  const gradient = { params: g.input('gradient', 'float32', [n]), own: {} };
  const lr = g.input('lr', 'float32', []);
  const options = { optimizer: kind, momentum, weightDecay, backboneLrMult: 1 } as TrainingOptions;
  const layout = { paramCount: n, bodyCount: 0 } as NetworkLayout;
  const parts = { loss: { takes: 'nothing', loss: none }, optimizer: optimizerOf(options), ownRules: [] } as const;
  const update = beginUpdate(g, state, layout, parts, options);
  const next = update({ gradient, learningRate: { network: lr, own: {} }, norm: null });
  for (const [name, value] of Object.entries(next)) g.output(`${name}_out`, value);
  const runner = await Runner.open(g, device);
  let values: Feeds = Object.fromEntries(names.map(([name, length]) => [name, new Float32Array(length)]));
  values['params'] = Float32Array.from(sym(n, seed * 100000 + 1));
  for (let step = 0; step < golden.steps; step++) {
    const rate = golden.lr * golden.factor ** Math.floor(step / golden.step_every);
    const feeds = { gradient: Float32Array.from(sym(n, seed * 100000 + 10 + step)), lr: Float32Array.of(rate) };
    const out = await runner.run({ ...values, ...feeds });
    values = Object.fromEntries(names.map(([name]) => [name, out[`${name}_out`]!]));
  }
  await runner.close();
  return [againstDigest(kind, 'final', values['params']!, final, { norm: bound, element: bound })];
}
