/** All artifacts of a run and the manifest that describes them. */
import { buildEvalModel, buildOptimizerModel, buildTrainingModel, buildTrainLoop } from './artifacts.js';
import type { Definitions } from '../parts/parts.js';
import { partsOf } from '../parts/parts.js';
import { stateTensors } from '../parts/state.js';
import { describeNetwork } from '../step/describe.js';
import { decodeModel, type ValueInfoProto } from '../onnx/schema.js';
import { irVersion, opset } from '../onnx/version.js';
import { dtypeCode } from '../onnx/types.js';
import type { TrainingOptions } from '../options.js';
import { normalizationOf } from '../preprocessing.js';

export interface Artifact {
  name: string;
  bytes: Uint8Array;
}

const models: Record<string, (options: TrainingOptions, definitions?: Definitions) => Uint8Array> = {
  'training_model.onnx': (options, definitions) => buildTrainingModel(options, 'uint8-nhwc', definitions),
  'optimizer_model.onnx': buildOptimizerModel,
  'train_loop.onnx': buildTrainLoop,
  'eval_model.onnx': buildEvalModel,
};

const dtypeName = Object.fromEntries(Object.entries(dtypeCode).map(([name, code]) => [code, name]));

const describeValue = ({ name, type }: ValueInfoProto) => ({
  name,
  dtype: dtypeName[type.tensorType.elemType],
  shape: type.tensorType.shape.dim.map(({ dimValue, dimParam }) => dimParam ?? dimValue ?? 0),
});

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function describeModel({ name, bytes }: Artifact) {
  const { graph } = decodeModel(bytes);
  return {
    file: name,
    sha256: await sha256(bytes),
    bytes: bytes.length,
    inputs: graph.input.map(describeValue),
    outputs: graph.output.map(describeValue),
  };
}

/** Same options, same bytes. The manifest lists the files, their inputs and outputs, the layout of the state, the options. */
export async function buildArtifacts(options: TrainingOptions, definitions: Definitions = {}): Promise<Artifact[]> {
  const files = Object.entries(models).map(([name, build]) => ({ name, bytes: build(options, definitions) }));
  const layout = describeNetwork(options, definitions);
  const state = stateTensors(layout, partsOf(options, definitions));
  const manifest = {
    format: 'dws-artifacts',
    version: 1,
    onnx: { opset, irVersion },
    options,
    images: { layout: 'NHWC', dtype: 'uint8', colors: 'RGB', normalization: normalizationOf(options) },
    state: state.map(({ name, shape }) => ({ name, shape })),
    params: layout.params.map(({ name, shape }) => ({ name, shape })),
    buffers: layout.buffers.map(({ name, shape }) => ({ name, shape })),
    models: await Promise.all(files.map(describeModel)),
  };
  const bytes = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
  return [...files, { name: 'manifest.json', bytes }];
}
