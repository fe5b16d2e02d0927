/**
 * The training state as flat float32 vectors, and the names of the tensors inside them.
 *
 * `params` and `buffers` are laid out as the checkpoint's safetensors file lays them out: in torchvision's state_dict
 * order, without gaps. The optimizer's vectors (`momentum`, or `exp_avg` and `exp_avg_sq`) share the layout of `params`.
 */
import type { OptimizerName } from './options.js';

/** How a parameter starts; see `init.ts`. */
export type Init =
  | { kind: 'constant'; value: number }
  | { kind: 'normal'; std: number }
  | { kind: 'uniform'; bound: number }
  | { kind: 'truncated-normal'; std: number; bound: number };

export interface TensorSpec {
  /** For example `base_net.layer1.0.conv1.weight`, `dense.bias`. */
  name: string;
  shape: number[];
  init: Init;
}

/** A network's tensors in state_dict order, `num_batches_tracked` left out. */
export interface NetworkLayout {
  params: TensorSpec[];
  /** Running statistics of batch normalisation. */
  buffers: TensorSpec[];
  /** Length of the flat `params` vector. */
  paramCount: number;
  /** Length of the flat `buffers` vector. */
  bufferCount: number;
  /** How many values of `params` stand in front of the backbone's last layer: those that pretrained weights are for. */
  bodyCount: number;
  /** Elements that dropout decides on, for one image. */
  dropoutCount: number;
}

/** One vector (or scalar) of the training state: an input `name` and an output `name_out` of the training graphs. */
export interface StateTensor {
  name: string;
  /** [] for a scalar. */
  shape: number[];
}

/** The state by name, each a float32 vector: `params`, `buffers`, `beta`, `beta_momentum` and the optimizer's. */
export type TrainingState = Record<string, Float32Array>;

/** Names of the optimizer's vectors that are laid out as `params`. */
export const optimizerVectors: Record<OptimizerName, readonly string[]> = {
  sgd: ['momentum'],
  adam: ['exp_avg', 'exp_avg_sq'],
};

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Every state tensor of a run, in the order of the graphs' inputs and outputs. */
export function stateTensors(layout: NetworkLayout, optimizer: OptimizerName, classes: number): StateTensor[] {
  const params = [layout.paramCount];
  return [
    { name: 'params', shape: params },
    { name: 'buffers', shape: [layout.bufferCount] },
    { name: 'beta', shape: [classes] },
    { name: 'beta_momentum', shape: [classes] },
    ...optimizerVectors[optimizer].map((name) => ({ name, shape: params })),
    ...(optimizer === 'adam' ? [{ name: 'bias_correction', shape: [2] }] : []),
  ];
}
