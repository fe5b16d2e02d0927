/** A checkpoint as one file, to be shipped: an ONNX model, or the weights for PyTorch. */
import path from 'node:path';
import { buildExportModel, buildUnfoldedModel } from '../../graph/artifacts/export.js';
import type { NetworkOptions } from '../../graph/options.js';
import { UserError } from '../base/errors.js';
import { didYouMean } from '../../graph/known-names.js';
import { flagOf } from '../options/rules.js';
import { exportDefaults, withDefaults } from '../options/defaults.js';
import { encodeWeights } from './export-weights.js';
import { imageMetadata } from './image-metadata.js';
import { ensureWritableFile, makingFolder, writeFileAtomic } from '../base/files.js';
import type { ModuleSources } from '../modules/kinds.js';
import { loadModules } from '../modules/load.js';
import type { TrainedNetwork } from '../checkpoints/trained-network.js';
import { loadNetwork } from '../checkpoints/trained-network.js';
import { requirePaths } from '../base/require-paths.js';

/** How a checkpoint is exported; nothing has to be given. */
export interface ExportOptions {
  /** The module of a checkpoint's backbone, where it has one of its own. */
  modules?: Pick<ModuleSources, 'backbone'>;
  /** Whether the model takes images of any size, and resizes them itself as the training did; for `.onnx`. Default: false. */
  withResize?: boolean;
  /** Whether the model takes normalized float32 images, and keeps batch normalization as it is; for `.onnx`. Default: false. */
  unfolded?: boolean;
}

type Form = Required<Pick<ExportOptions, 'withResize' | 'unfolded'>>;

/** The file that was written. */
export interface ExportedModel {
  path: string;
  /** Size of the file. */
  bytes: number;
  network: NetworkOptions;
}

function encodeOnnx(trained: TrainedNetwork, { withResize, unfolded }: Form): Uint8Array[] {
  const { network, params, buffers, preprocessing, modules } = trained;
  if (unfolded) {
    const { definitions } = modules ?? {};
    return [buildUnfoldedModel(network, { params, buffers }, imageMetadata(trained, 'normalized'), definitions)];
  }
  const metadata = imageMetadata(trained, withResize ? 'any size' : 'square');
  const squares = withResize ? preprocessing : undefined;
  return [buildExportModel(network, { params, buffers }, metadata, modules?.definitions, squares)];
}

/** By the file's ending: chunks to be written one after the other. */
const encoders: Record<string, (trained: TrainedNetwork, form: Form) => Uint8Array[]> = {
  '.onnx': encodeOnnx,
  '.safetensors': encodeWeights,
};

/** Options that are for a model alone, and what only a model can. */
const ofModels: Record<keyof Form, string> = {
  withResize: 'can resize images',
  unfolded: 'has batch normalization to fold',
};

/** @throws UserError for a file of another kind than the options are for */
function encoderFor(outPath: string, form: Form): (trained: TrainedNetwork) => Uint8Array[] {
  if (form.withResize && form.unfolded)
    throw new UserError(
      '--with-resize and --unfolded: a model that takes float32 resizes nothing. Give one of the two.',
    );
  const ending = path.extname(outPath).toLowerCase();
  const encoder = Object.hasOwn(encoders, ending) ? encoders[ending] : undefined;
  const asked = (Object.keys(ofModels) as (keyof Form)[]).find((key) => form[key]);
  if (asked !== undefined && encoder && encoder !== encodeOnnx) {
    const flag = flagOf(asked);
    throw new UserError(
      `${flag} has no meaning for ${outPath}: only a model, with the ending .onnx, ${ofModels[asked]}.`,
    );
  }
  const encode = encoder && ((trained: TrainedNetwork) => encoder(trained, form));
  if (encode) return encode;
  const meant = didYouMean(ending, Object.keys(encoders));
  throw new UserError(
    `can't tell from the name ${outPath} what to write. ${meant}Let it end in .onnx for an ONNX model, ` +
      `or in .safetensors for the weights that PyTorch can load.`,
  );
}

/**
 * Writes a checkpoint's network, in the format that the file's ending asks for:
 *
 * - `.onnx`: a model with its weights inside, batch normalization folded into the convolutions: `images` uint8
 *   [batch, imageSize, imageSize, 3] (RGB) -> `embeddings` [batch, embedDim]; with `withResize`, [batch, height, width, 3]; `unfolded`: float32
 *   [batch, 3, imageSize, imageSize], and `features` beside the embeddings
 * - `.safetensors`: the weights under torchvision's names, the head as `dense` (see `encodeWeights`)
 *
 * The metadata of both tells how to prepare images.
 *
 * @throws UserError when the ending is another one, the checkpoint can't be read or the file can't be written
 */
export async function exportModel(
  checkpointPath: string,
  outPath: string,
  options: ExportOptions = {},
): Promise<ExportedModel> {
  const { modules, ...form } = withDefaults('exportModel', options, exportDefaults);
  requirePaths('exportModel', { checkpointPath, outPath });
  const encode = encoderFor(outPath, form);
  const trained = await loadNetwork(checkpointPath, await loadModules(modules));
  const chunks = encode(trained);
  await makingFolder(path.dirname(outPath), async () => {
    await ensureWritableFile(outPath);
    await writeFileAtomic(outPath, chunks);
  });
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { path: outPath, bytes, network: trained.network };
}
