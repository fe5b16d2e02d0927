/** Inference layers that know their weights, and fold batch normalization into the convolution in front of it. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import { convAttributes } from '../lowerings/conv.js';
import { InferenceLayers } from './inference.js';
import type { ConvOptions, ParameterSource } from './layers.js';
import { convGeometry, convWeightShape } from './layers.js';
import { bnDefaults } from '../ops/norm.js';
import type { NetworkLayout, TensorSpec, TrainingState } from '../state/state.js';
import { elementCount } from '../onnx/types.js';

/** Tensors of a flat vector by name, without copying. */
function views(vector: Float32Array, specs: readonly TensorSpec[]): Map<string, Float32Array> {
  let offset = 0;
  return new Map(
    specs.map(({ name, shape }) => [name, vector.subarray(offset, (offset += elementCount(shape)))] as const),
  );
}

/** Makes a weight part of a graph, in a form of its own choice; the value that it returns is float32. */
export type AddWeight = (g: GraphBuilder, name: string, shape: number[], values: Float32Array) => Value;

class Weights implements ParameterSource {
  constructor(
    private readonly g: GraphBuilder,
    private readonly tensors: Map<string, Float32Array>,
    private readonly addTo: AddWeight,
  ) {}

  values(name: string): Float32Array {
    return this.tensors.get(name)!;
  }

  add(name: string, shape: number[], values: Float32Array): Value {
    return this.addTo(this.g, name, shape, values);
  }

  param(name: string, shape: number[]): Value {
    return this.add(name, shape, this.values(name));
  }

  buffer(name: string, shape: number[]): Value {
    return this.param(name, shape);
  }
}

/**
 * The weights of a network's state, as a source of layers.
 *
 * @param add how they become part of the graph: as float32 initializers unless given
 */
export function networkWeights(
  g: GraphBuilder,
  layout: NetworkLayout,
  state: TrainingState,
  add: AddWeight = (to, name, shape, values) => to.weight(name, shape, values),
): Weights {
  const tensors = new Map([...views(state['params']!, layout.params), ...views(state['buffers']!, layout.buffers)]);
  return new Weights(g, tensors, add);
}

interface PlainConv {
  x: Value;
  path: string;
  options: ConvOptions;
}

export class FoldingLayers extends InferenceLayers {
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
    const shape = convWeightShape(this.channels(conv.x), conv.options);
    return this.graph.scope(name, () =>
      this.graph.op(
        'Conv',
        [
          conv.x,
          this.weights.add(`${conv.path}.folded.weight`, shape, folded),
          this.weights.add(`${conv.path}.folded.bias`, [shape[0]!], bias),
        ],
        convAttributes(convGeometry(conv.options)),
      ),
    );
  }
}
