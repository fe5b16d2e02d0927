/** model-NAME.json: embedding, loss, gradients and running statistics of a network, with and without batch statistics. */
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { mul } from '../../src/graph/ops/arithmetic.js';
import { sum } from '../../src/graph/ops/reduce.js';
import { reshape } from '../../src/graph/ops/shape.js';
import type { TensorSpec } from '../../src/graph/state/state.js';
import { elementCount } from '../../src/graph/onnx/types.js';
import type { Loss } from '../../src/graph/losses/loss.js';
import { findBackbone } from '../../src/graph/models/index.js';
import { embed } from '../../src/graph/step/network.js';
import { trainingStep } from '../../src/graph/step/step.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import type { Check, Digest } from './golden.js';
import { againstDigest, closeTo, exact, fillState, sym } from './golden.js';
import { Runner } from './session.js';

interface Mode {
  embedding: Digest;
  loss: number;
  grads: Record<string, Digest>;
  running?: Record<string, Digest>;
  float32: { embedding: number; loss: number; grads: Record<string, number> };
}

export interface ModelCase {
  model: string;
  seed: number;
  size: number;
  batch: number;
  feat_dim: number;
  embed_dim: number;
  state: [string, number[]][];
  frozen: Mode;
  train: Mode;
}

/** The bounds that PyTorch's own single precision keeps: golden/README.md. */
const bounds = {
  frozen: { scalar: () => 1e-5, gradient: (own: number) => Math.max(1e-4, 4 * own), elements: 10 },
  train: {
    scalar: (own: number) => Math.max(1e-4, 4 * own),
    gradient: (own: number) => Math.max(1e-3, 4 * own),
    elements: 30,
  },
};
const runningBound = 1e-4;
/** Of the network's largest gradient norm. */
const ignoredShare = 1e-6;

const flatten = (specs: readonly TensorSpec[], tensors: Map<string, Float32Array>): Float32Array => {
  const flat = new Float32Array(specs.reduce((n, { shape }) => n + elementCount(shape), 0));
  let offset = 0;
  for (const { name } of specs) {
    flat.set(tensors.get(name)!, offset);
    offset += tensors.get(name)!.length;
  }
  return flat;
};

function* slices(specs: readonly TensorSpec[], flat: Float32Array): Generator<[string, Float32Array]> {
  let offset = 0;
  for (const { name, shape } of specs) yield [name, flat.subarray(offset, (offset += elementCount(shape)))];
}

function checkMode(
  name: 'frozen' | 'train',
  mode: Mode,
  out: Record<string, Float32Array>,
  specs: TensorSpec[],
  buffers: TensorSpec[],
) {
  const { scalar, gradient, elements } = bounds[name];
  const spread = (norm: number) => ({ norm, element: elements * norm });
  const largest = Math.max(...Object.values(mode.grads).map(({ l2 }) => l2));
  const gradients = [...slices(specs, out['gradients']!)].map(([tensor, values]) =>
    againstDigest(`${name} gradients`, tensor, values, mode.grads[tensor]!, {
      ...spread(gradient(mode.float32.grads[tensor]!)),
      ignore: ignoredShare * largest,
    }),
  );
  const running = mode.running
    ? [...slices(buffers, out['buffers_out']!)].map(([tensor, values]) =>
        againstDigest(`${name} running`, tensor, values, mode.running![tensor]!, spread(runningBound)),
      )
    : [];
  return [
    againstDigest(
      `${name} embedding`,
      'embedding',
      out['embeddings']!,
      mode.embedding,
      spread(scalar(mode.float32.embedding)),
    ),
    closeTo(`${name} loss`, 'loss', out['loss']![0]!, mode.loss, scalar(mode.float32.loss)),
    ...gradients,
    ...running,
  ];
}

export async function modelParity(golden: ModelCase, device: DeviceOptions): Promise<Check[]> {
  const { model, seed, size, batch } = golden;
  const network = {
    model,
    featDim: golden.feat_dim,
    embedDim: golden.embed_dim,
    imageSize: size,
  };
  const layout = describeNetwork(network);
  const tensors = fillState(golden.state, seed);
  const named = (specs: readonly TensorSpec[]) => specs.map(({ name, shape }) => `${name} ${shape.join('x')}`);
  const wanted = golden.state.map(([name, shape]) => `${name} ${shape.join('x')}`);
  const isBuffer = (entry: string) => entry.includes('.running_');
  const layoutChecks = [
    exact('layout', 'parameters', named(layout.params).join() === wanted.filter((entry) => !isBuffer(entry)).join()),
    exact('layout', 'buffers', named(layout.buffers).join() === wanted.filter(isBuffer).join()),
  ];
  if (layoutChecks.some(({ ratio }) => ratio > 0)) return layoutChecks;
  const images = Float32Array.from(sym(batch * 3 * size * size, seed * 100000 + 90001), (x) => 1.5 * x);
  const factors = Float32Array.from(sym(batch * golden.embed_dim, seed * 100000 + 90002));
  const checks: Check[] = [...layoutChecks];
  for (const [name, batchNorm] of [
    ['frozen', 'running'],
    ['train', 'batch'],
  ] as const) {
    const g = new GraphBuilder();
    const features = g.op('Transpose', [g.input('images', 'float32', [batch, 3, size, size])], { perm: [1, 0, 2, 3] });
    const state = {
      params: g.input('params', 'float32', [layout.paramCount]),
      buffers: g.input('buffers', 'float32', [layout.bufferCount]),
    };
    const c = g.input('c', 'float32', [batch, golden.embed_dim]);
    /** The sum of the embeddings' products with given factors. */
    const product: Loss = {
      takes: 'nothing',
      loss: (_, { embeddings }) => ({ loss: reshape(g, sum(g, mul(g, embeddings, c), [0, 1]), []), statistics: {} }),
    };
    const labels = g.constant('int32', [batch], new Int32Array(batch));
    const step = trainingStep(
      g,
      { labels, uniforms: null, ...state, own: {} },
      {
        network: (layers) => embed(g, layers, features, network, findBackbone(model)),
        mode: { provider: device.device, batchNorm },
        ...{ layout, loss: product, sampling: null, batchK: 1 },
      },
    );
    g.output('embeddings', step.embeddings);
    g.output('loss', step.loss);
    g.output('gradients', step.gradient.params);
    if (batchNorm === 'batch' && layout.bufferCount) g.output('buffers_out', step.buffers);
    const runner = await Runner.open(g, device);
    const out = await runner.run({
      images,
      c: factors,
      params: flatten(layout.params, tensors),
      buffers: flatten(layout.buffers, tensors),
    });
    await runner.close();
    checks.push(...checkMode(name, golden[name], out, layout.params, layout.buffers));
  }
  return checks;
}
