/**
 * Graph construction: pure TypeScript that emits ONNX models; runs in Node.js and in browsers.
 *
 * What writing a loss, a sampling, an optimizer or a backbone takes is here: `defineLoss`, `defineSampling`, `defineOptimizer`,
 * `defineBackbone`, the operators (`GraphBuilder.op` and short names for the most common ones) and the parts that are here
 * themselves.
 *
 * @packageDocumentation
 */

// Writing nodes.
export type { Value } from './builder/builder.js';
export type { Cut, Inputs, TapeEntry } from './builder/tape.js';
export type { BuilderSettings } from './builder/builder.js';
export { GraphBuilder } from './builder/builder.js';
export { gradients } from './builder/gradients.js';
export type { OperatorName } from './onnx/names.js';
export { operatorNames } from './onnx/names.js';
export type { Nodes } from './onnx/nodes.js';
export type { Attributes, Dim, DType, Shape } from './onnx/types.js';
export type { AttributeProto, FunctionProto, ModelProto, NodeProto, TensorProto } from './onnx/schema.js';
export { decodeModel, encodeModel } from './onnx/schema.js';
export { add, clampMin, div, exp, log, mul, relu, sqrt, sub } from './ops/arithmetic.js';
export { l2Normalize, linear } from './ops/linear.js';
export { sum } from './ops/reduce.js';
export { concat, gatherRows, reshape, transpose } from './ops/shape.js';

// Losses.
export type { Loss, LossContext, LossDefinition, LossInputs, LossOutputs, LossParameter } from './losses/loss.js';
export { defineLoss } from './losses/loss.js';
export { losses } from './losses/index.js';
export { margin } from './losses/margin.js';

// Samplings.
export type {
  Indices,
  Pairs,
  Reference,
  Sampling,
  SamplingDefinition,
  SamplingInputs,
  Triplets,
  Tuples,
} from './samplings/sampling.js';
export { anchorRows, classMates, defineSampling, everyRow, indexTensor } from './samplings/sampling.js';
export { samplings } from './samplings/index.js';
export type { WeightInputs } from './samplings/distance-weighted.js';
export { distanceWeighted, sampleNegatives, samplingWeights } from './samplings/distance-weighted.js';

// Optimizers.
export type { Advance, OptimizerDefinition, Rule, SharedSettings, Step } from './optimizers/rule.js';
export { average, defineOptimizer, times } from './optimizers/rule.js';
export { adam, optimizers, sgd } from './optimizers/index.js';
export type { AdamSettings } from './optimizers/adam.js';
export { adamAverages, adamDefaults } from './optimizers/adam.js';
export { clip } from './optimizers/clip.js';
export { momentum } from './optimizers/momentum.js';
export { weightDecay } from './optimizers/weight-decay.js';

// Backbones, and the layers that they are written in.
export type { Backbone, BackboneDefinition } from './models/backbone.js';
export { defineBackbone } from './models/backbone.js';
export { backbones } from './models/index.js';
export type { Pair } from './lowerings/windows.js';
export type { Dropout } from './ops/dropout.js';
export type { ConvOptions, Layers, LinearOptions, ParameterSource, PoolOptions, WriteSite } from './nn/layers.js';
export { InferenceLayers } from './nn/inference.js';
export { TensorMap } from './nn/tensor-map.js';
export type { BatchNormMode, TrainingMode } from './nn/training.js';
export { TrainingLayers } from './nn/training.js';

// The options that a part declares.
export type { Declarations, OptionDeclaration, OptionValue, PartName, ValuesOf } from './declarations.js';
export { valuesOf } from './declarations.js';

// The step, and the models that are made of it.
export type { Pieces } from './step/micro-batches.js';
export type { LossStepInputs } from './step/on-embeddings.js';
export type { NetworkParts } from './step/passes.js';
export type { Piece } from './step/piece.js';
export type { StepInputs, StepOutputs, StepParts } from './step/step.js';
export { trainingStep } from './step/step.js';
export type { State } from './step/loop.js';
export type { UpdateInputs, UpdateOptions } from './step/update.js';
export { beginUpdate } from './step/update.js';
export type { Definitions, Parts } from './parts/parts.js';
export { partsOf } from './parts/parts.js';
export type { StateParts, StateTensor } from './parts/state.js';
export { stateTensors } from './parts/state.js';
export { describeNetwork, describeState, initialState } from './step/describe.js';
export { pack, unpack } from './state/flat.js';
export type { Packing, VectorPacking } from './state/packing.js';
export type { EvaluationOptions, ImageInput, TakesFeatures } from './artifacts/artifacts.js';
export { buildEvalModel, buildOptimizerModel, buildTrainingModel, buildTrainLoop } from './artifacts/artifacts.js';
export { buildExportModel } from './artifacts/export.js';
export type { Artifact } from './artifacts/manifest.js';
export { buildArtifacts } from './artifacts/manifest.js';
export type { WebModel, WebModelOptions } from './artifacts/web-export.js';
export { buildWebModel } from './artifacts/web-export.js';
export type { WebModelInfo, WebVariant, WebVariantName } from './artifacts/web-model.js';
export type { Filter, Normalization, Preprocessing, PreprocessingOptions, Resize, Squares } from './preprocessing.js';
export { imageNet, preprocessingOf, preprocessingText } from './preprocessing.js';
export type { NetworkOptions, OptimizerName, Precision, Provider, TrainingOptions } from './options.js';
export type { Purpose } from './state/philox.js';
export { Philox } from './state/philox.js';
export type { Init, NamedShape, NetworkLayout, TensorSpec, TrainingState } from './state/state.js';
