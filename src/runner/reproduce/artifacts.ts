/** Fingerprints of the graphs that a training runs. */
import { createHash } from 'node:crypto';
import { buildEvalModel, buildTrainLoop } from '../../graph/artifacts/artifacts.js';
import type { TrainingOptions } from '../../graph/options.js';
import type { Definitions } from '../../graph/parts/parts.js';
import type { Segment } from './record.js';

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** SHA-256 of each graph, by the name that `dws build` gives it. Equal options give equal bytes. */
export const artifactDigests = (options: TrainingOptions, definitions: Definitions = {}): Segment['artifacts'] => ({
  'train_loop.onnx': digest(buildTrainLoop(options, definitions)),
  'eval_model.onnx': digest(buildEvalModel(options, definitions)),
});
