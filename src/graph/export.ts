/** The model that is shipped: weights inside, batch normalisation folded into the convolution in front of it. */
import type { Value } from './builder.js';
import { GraphBuilder } from './builder.js';
import { describeNetwork } from './flat.js';
import { embed, imagesToFeatures } from './head.js';
import { InferenceLayers } from './inference.js';
import type { ConvOptions, ParameterSource } from './nn.js';
import { pair } from './nn.js';
import { encodeModel } from './onnx/schema.js';
import { bnDefaults } from './ops/norm.js';
import type { NetworkOptions } from './options.js';
import type { TensorSpec, TrainingState } from './state.js';
import { elementCount } from './state.js';

/** Tensors of a flat vector by name, without copying. */
function views(vector: Float32Array, specs: readonly TensorSpec[]): Map<string, Float32Array> {
  let offset = 0;
  return new Map(
    specs.map(({ name, shape }) => [name, vector.subarray(offset, (offset += elementCount(shape)))] as const),
  );
}

class Weights implements ParameterSource {
  constructor(
    private readonly g: GraphBuilder,
    private readonly tensors: Map<string, Float32Array>,
  ) {}

  values(name: string): Float32Array {
    return this.tensors.get(name)!;
  }

  param(name: string, shape: number[]): Value {
    return this.g.weight(name, shape, this.values(name));
  }

  buffer(name: string, shape: number[]): Value {
    return this.param(name, shape);
  }
}

interface PlainConv {
  x: Value;
  path: string;
  options: ConvOptions;
}

/** Inference layers that know their weights. */
class FoldingLayers extends InferenceLayers {
  private readonly convs = new Map<string, PlainConv>();

  constructor(
    private readonly graph: GraphBuilder,
    private readonly weights: Weights,
  ) {
    super(graph, weights);
  }

  override conv2d(name: string, x: Value, options: ConvOptions): Value {
    const y = super.conv2d(name, x, options);
    this.convs.set(y.name, { x, options, path: [this.graph.path, name].filter(Boolean).join('.') });
    return y;
  }

  /**
   * With s = weight / sqrt(var + eps): s (w * x + b - mean) + bias = (s w) * x + (s (b - mean) + bias), computed in float64.
   * The convolution as it was is left without a use, and so out of the finished graph.
   */
  override batchNorm2d(name: string, x: Value, epsilon: number = bnDefaults.epsilon): Value {
    const conv = this.convs.get(x.name);
    if (!conv) return super.batchNorm2d(name, x, epsilon);
    const path = [this.graph.path, name].filter(Boolean).join('.');
    const of = (tensor: string) => this.weights.values(`${path}.${tensor}`);
    const [scale, shift, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(of) as Float32Array[];
    const weight = this.weights.values(`${conv.path}.weight`);
    const before = conv.options.bias ? this.weights.values(`${conv.path}.bias`) : undefined;
    const s = Array.from(scale!, (gamma, i) => gamma / Math.sqrt(variance![i]! + epsilon));
    const perFilter = weight.length / s.length;
    const folded = weight.map((w, i) => w * s[Math.floor(i / perFilter)]!);
    const bias = shift!.map((beta, i) => s[i]! * ((before?.[i] ?? 0) - mean![i]!) + beta);
    const { out, kernel, stride = 1 } = conv.options;
    const [size, padding] = [pair(kernel), pair(conv.options.padding)];
    return this.graph.scope(name, () =>
      this.graph.op(
        'Conv',
        [
          conv.x,
          this.graph.weight(`${conv.path}.folded.weight`, [out, this.channels(conv.x), ...size], folded),
          this.graph.weight(`${conv.path}.folded.bias`, [out], bias),
        ],
        { kernel_shape: [...size], strides: [...pair(stride)], pads: [...padding, ...padding] },
      ),
    );
  }
}

/**
 * `images` uint8 [batch, H, W, 3] -> `embeddings` [batch, embedDim].
 *
 * @param metadata written into the model's metadata_props
 */
export function buildExportModel(
  network: NetworkOptions,
  state: TrainingState,
  metadata: Record<string, string> = {},
): Uint8Array {
  const g = new GraphBuilder();
  const layout = describeNetwork(network);
  const tensors = new Map([...views(state['params']!, layout.params), ...views(state['buffers']!, layout.buffers)]);
  const { imageSize } = network;
  const images = g.input('images', 'uint8', ['batch', imageSize, imageSize, 3]);
  const layers = new FoldingLayers(g, new Weights(g, tensors));
  g.output('embeddings', embed(g, layers, imagesToFeatures(g, images, 'NCHW'), network));
  return encodeModel(g.model(network.model, metadata));
}
