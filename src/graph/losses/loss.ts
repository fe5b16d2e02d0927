/** What a loss is: embeddings and labels in, a number to make small out. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import type { Rule } from '../optimizers/rule.js';
import type { Declarations, ValuesOf } from '../declarations.js';
import type { Reference, Tuples } from '../samplings/sampling.js';
import type { Init } from '../state/state.js';

/** A loss's own parameter: part of the training's state like the network's, under its name. */
export interface LossParameter {
  /** Lower-case letters, digits and _; what it is called in checkpoints, its learning rate is `lr_NAME`. */
  name: string;
  shape: readonly number[];
  init: Init;
  /** False keeps it as it is. */
  learns: boolean;
  /** What a training's learning rate of it is unless one is given; it follows the run's schedule. */
  learningRate: number;
  /** How it is updated; SGD with the run's momentum and weight decay unless given. */
  optimizer?: readonly Rule[];
}

export interface LossInputs {
  /** float32 [n, d], L2-normalized; consecutive runs of `batchK` rows are of one class. */
  embeddings: Value;
  /** int32 [n]: places in the training's list of classes. */
  labels: Value;
  batchK: number;
  reference: Reference;
  /** Of the kind that the loss takes; null for one that takes none. */
  tuples: Tuples | null;
  /** The loss's own parameters by name. */
  parameters: Readonly<Record<string, Value>>;
}

export interface LossOutputs {
  /** float32 scalar. */
  loss: Value;
  /** Scalars, float32 or int32, to be told of each step: by name, in lower-case letters, digits and _. */
  statistics: Readonly<Record<string, Value>>;
}

export interface Loss {
  /** What it wants of the sampling: `nothing` for a loss that looks at the whole batch. */
  takes: Tuples['kind'] | 'nothing';
  parameters?: readonly LossParameter[];
  loss: (g: GraphBuilder, inputs: LossInputs) => LossOutputs;
}

/** What a loss may need to know of the training. */
export interface LossContext {
  classes: number;
  embedDim: number;
  batchSize: number;
  batchK: number;
}

export interface LossDefinition<D extends Declarations = Declarations> {
  name: string;
  options: D;
  create(values: ValuesOf<D>, context: LossContext): Loss;
}

/** A loss with options of its own. */
export const defineLoss = <D extends Declarations>(definition: LossDefinition<D>): LossDefinition<D> => definition;
