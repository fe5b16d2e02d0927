/**
 * The training state as flat float32 vectors, and the names of the tensors inside them.
 *
 * `params` and `buffers` are laid out as the checkpoint's safetensors file lays them out: in torchvision's state_dict
 * order, without gaps. The optimizer's vectors (`momentum`, or `exp_avg` and `exp_avg_sq`) share the layout of `params`.
 */

/** How a parameter starts; see `init.ts`. */
export type Init =
  | { kind: 'constant'; value: number }
  | { kind: 'normal'; std: number }
  | { kind: 'uniform'; bound: number }
  | { kind: 'truncated-normal'; std: number; bound: number }
  /** Values that a file holds, row-major. */
  | { kind: 'given'; values: () => Float32Array };

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
  /** Values of an image that batch normalization takes a statistic of, in the layer that has the fewest; absent where there is none. */
  fewestNormalized?: number;
}

/** A tensor by its name, as checkpoints list it. */
export interface NamedShape {
  name: string;
  shape: number[];
}

/** The state by name, each a float32 vector: `params`, `buffers`, the loss's own parameters and the optimizer's vectors. */
export type TrainingState = Record<string, Float32Array>;
