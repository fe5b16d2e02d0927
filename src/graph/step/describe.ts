/** What a network is made of, before any of it is there. */
import { GraphBuilder } from '../builder/builder.js';
import { PartError } from '../declarations.js';
import type { ParameterSource } from '../nn/layers.js';
import { TrainingLayers } from '../nn/training.js';
import type { Value } from '../onnx/nodes.js';
import { elementCount } from '../onnx/types.js';
import type { Dropout } from '../ops/dropout.js';
import type { NetworkOptions, TrainingOptions } from '../options.js';
import { beginState } from '../parts/initial-state.js';
import type { Definitions } from '../parts/parts.js';
import { backboneOf, partsOf } from '../parts/parts.js';
import type { StateTensor } from '../parts/state.js';
import { stateTensors } from '../parts/state.js';
import { requireInit } from '../state/init.js';
import type { Init, NetworkLayout, TensorSpec, TrainingState } from '../state/state.js';
import { backbonePath, embed } from './network.js';

/** Notes every tensor that a network asks for, in the order in which it does: torchvision's state_dict order. */
class Recorder implements ParameterSource {
  readonly params: TensorSpec[] = [];
  readonly buffers: TensorSpec[] = [];

  private readonly names = new Set<string>();

  constructor(private readonly g: GraphBuilder) {}

  param(name: string, shape: number[], init: Init): Value {
    return this.note(this.params, { name, shape, init });
  }

  buffer(name: string, shape: number[], init: Init): Value {
    return this.note(this.buffers, { name, shape, init });
  }

  /** A checkpoint knows tensors by their names: a second one of a name would be lost. */
  private note(tensors: TensorSpec[], { name, shape, init }: TensorSpec): Value {
    requireInit(init, name);
    if (this.names.has(name)) {
      const layer = name.slice(0, name.lastIndexOf('.'));
      throw new Error(`there are two layers ${layer}, both with a ${name}: give each layer of a scope another name`);
    }
    this.names.add(name);
    tensors.push({ name, shape, init });
    return this.g.input(name, 'float32', shape);
  }
}

/** Notes besides what a network normalizes. */
class DescribingLayers extends TrainingLayers {
  fewestNormalized?: number;

  override batchNorm2d(name: string, x: Value, epsilon?: number): Value {
    const [, , height, width] = x.shape as [number, number, number, number];
    this.fewestNormalized = Math.min(this.fewestNormalized ?? Infinity, height * width);
    return super.batchNorm2d(name, x, epsilon);
  }
}

const totalCount = (specs: readonly TensorSpec[]): number => specs.reduce((n, { shape }) => n + elementCount(shape), 0);

/** How many parameters stand in front of a layer. @throws Error when there is no such layer */
function countBefore(params: readonly TensorSpec[], layer: string | null): number {
  if (layer === null) return params.filter(({ name }) => name.startsWith(backbonePath(''))).length;
  const first = params.findIndex(({ name }) => name.startsWith(`${backbonePath(layer)}.`));
  if (first < 0) throw new PartError('backbone', `the backbone has no layer ${layer}, which it says is its last`);
  return first;
}

/**
 * The parameters and running statistics of a network and how they lie in the flat vectors.
 *
 * @throws Error when the model is unknown or the image size does not fit it
 */
export function describeNetwork(network: NetworkOptions, definitions: Definitions = {}): NetworkLayout {
  const g = new GraphBuilder();
  const recorder = new Recorder(g);
  const backbone = backboneOf(network, definitions);
  const images = g.input('images', 'float32', [3, 1, network.imageSize, network.imageSize]);
  let dropoutCount = 0;
  const dropout: Dropout = (_, x) => {
    dropoutCount += elementCount(x.shape as number[]);
    return x;
  };
  const layers = new DescribingLayers(g, recorder, { provider: 'cpu', batchNorm: 'running', dropout });
  embed(g, layers, images, network, backbone);
  const { params, buffers } = recorder;
  const { fewestNormalized } = layers;
  return {
    params,
    buffers,
    paramCount: totalCount(params),
    bufferCount: totalCount(buffers),
    bodyCount: totalCount(params.slice(0, countBefore(params, backbone.lastLayer))),
    dropoutCount,
    ...(fewestNormalized !== undefined && { fewestNormalized }),
  };
}

/** Every state tensor of a run, in the order of the graphs' inputs and outputs. */
export const describeState = (
  options: TrainingOptions,
  layout: NetworkLayout,
  definitions: Definitions = {},
): StateTensor[] => stateTensors(layout, partsOf(options, definitions));

/** The state that a run begins with: a pure function of its options and the seed. */
export const initialState = (
  options: TrainingOptions,
  seed: number,
  layout: NetworkLayout = describeNetwork(options),
  definitions: Definitions = {},
): TrainingState => beginState(layout, partsOf(options, definitions), seed);
