/** The distinct convolutions of a training step, and a graph for each of their three products, as a step on CUDA has it. */
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import type { Value } from '../../src/graph/builder/builder.js';
import type { ConvOptions, ParameterSource } from '../../src/graph/nn/layers.js';
import { convGeometry, pair } from '../../src/graph/nn/layers.js';
import { TrainingLayers } from '../../src/graph/nn/training.js';
import { encodeModel } from '../../src/graph/onnx/schema.js';
import { conv2d } from '../../src/graph/ops/conv.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import { partsOf } from '../../src/graph/parts/parts.js';
import { embed } from '../../src/graph/step/network.js';

export interface Convolution {
  /** The first layer that has it. */
  layer: string;
  /** How many layers have it. */
  layers: number;
  /** Of the input, [in, N, H, W]. */
  x: number[];
  options: ConvOptions;
  /** The images' own: no gradient of its input is wanted. */
  isFirst: boolean;
}

export const products = ['forward', 'input gradient', 'weight gradient'] as const;
export type Product = (typeof products)[number];

/** Notes convolutions while the network is built. */
class Noting extends TrainingLayers {
  readonly found = new Map<string, Convolution>();

  constructor(
    private readonly builder: GraphBuilder,
    source: ParameterSource,
  ) {
    super(builder, source, { provider: 'cuda', batchNorm: 'running', dropout: (_, x) => x });
  }

  override conv2d(name: string, x: Value, options: ConvOptions): Value {
    const key = JSON.stringify([x.shape, options]);
    const known = this.found.get(key);
    const layer = `${this.builder.path}.${name}`;
    const isFirst = this.found.size === 0;
    if (known) known.layers++;
    else this.found.set(key, { layer, layers: 1, x: x.shape as number[], options, isFirst });
    return super.conv2d(name, x, options);
  }
}

/** In the order in which the network has them. */
export function convolutionsOf(training: TrainingOptions): Convolution[] {
  const g = new GraphBuilder('cuda');
  const source: ParameterSource = {
    param: (name, shape) => g.input(name, 'float32', shape),
    buffer: (name, shape) => g.input(name, 'float32', shape),
  };
  const layers = new Noting(g, source);
  const { batchSize, imageSize } = training;
  const images = g.input('images', 'float32', [3, batchSize, imageSize, imageSize]);
  embed(g, layers, images, training, partsOf(training).backbone);
  return [...layers.found.values()];
}

/** The product's inputs that gradients are wanted for. */
const tracked: Record<Product, 'x' | 'weight' | undefined> = {
  forward: undefined,
  'input gradient': 'x',
  'weight gradient': 'weight',
};

/**
 * One product in a Loop. Inputs: `value` float32 [1], of which all elements are, and `trips` int32 [1]; output: `first` [trips, 1], an
 * element of each product. So next to nothing is copied, and the times of many trips and of few tell that of one.
 */
export function productModel({ x: shape, options }: Convolution, product: Product): Uint8Array {
  const g = new GraphBuilder('cuda');
  const value = g.input('value', 'float32', [1]);
  const trips = g.op('Reshape', [g.op('Cast', [g.input('trips', 'int32', [1])], { to: 'int64' }), g.ints([])]);
  const full = (wanted: readonly number[]) => g.op('Expand', [value, g.ints(wanted)]);
  const [kernel, geometry] = [pair(options.kernel), convGeometry(options)];
  const x = full(shape);
  const weight = full([options.out, shape[0]! / (options.groups ?? 1), ...kernel]);
  const forward = (body: GraphBuilder, which = tracked[product]) => {
    const [input, kernels] = [which === 'x' ? body.watch(x) : x, which === 'weight' ? body.watch(weight) : weight];
    return conv2d(body, input, kernels, null, geometry, 'cuda');
  };
  // Made outside of the Loop, of the shape that the convolution has; what made the shape known is left out of the graph.
  const dy = full(forward(g, undefined).shape as number[]);
  const { collected } = g.loop(
    trips,
    [],
    (body) => {
      const y = forward(body);
      const gradients = tracked[product] && body.untracked(() => body.tape.entries.at(-1)!.vjp([dy]));
      const result = gradients?.find((gradient) => gradient !== null) ?? y;
      const flat = body.op('Reshape', [result, body.ints([-1])]);
      return { carried: [], collected: [body.op('Slice', [flat, body.ints([0]), body.ints([1]), body.ints([0])])] };
    },
    'trips',
  );
  g.output('first', collected[0]!);
  return encodeModel(g.model('product'));
}
