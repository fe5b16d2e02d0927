/** A checkpoint as one file, to be shipped: an ONNX model, or the weights for PyTorch. */
import path from 'node:path';
import { buildExportModel } from '../../graph/artifacts/export.js';
import type { NetworkOptions } from '../../graph/options.js';
import { UserError } from '../base/errors.js';
import { didYouMean } from '../../graph/known-names.js';
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
}

/** The file that was written. */
export interface ExportedModel {
  path: string;
  /** Size of the file. */
  bytes: number;
  network: NetworkOptions;
}

function encodeOnnx(trained: TrainedNetwork, withResize: boolean): Uint8Array[] {
  const { network, params, buffers, preprocessing, modules } = trained;
  const metadata = imageMetadata(trained, withResize ? 'any size' : 'square');
  const squares = withResize ? preprocessing : undefined;
  return [buildExportModel(network, { params, buffers }, metadata, modules?.definitions, squares)];
}

/** By the file's ending: chunks to be written one after the other. */
const encoders: Record<string, (trained: TrainedNetwork, withResize: boolean) => Uint8Array[]> = {
  '.onnx': encodeOnnx,
  '.safetensors': encodeWeights,
};

function encoderFor(outPath: string, withResize: boolean): (trained: TrainedNetwork) => Uint8Array[] {
  const ending = path.extname(outPath).toLowerCase();
  const encoder = Object.hasOwn(encoders, ending) ? encoders[ending] : undefined;
  if (withResize && encoder && encoder !== encodeOnnx) {
    throw new UserError(
      `--with-resize has no meaning for ${outPath}: only a model, with the ending .onnx, can resize images.`,
    );
  }
  const encode = encoder && ((trained: TrainedNetwork) => encoder(trained, withResize));
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
 *   [batch, imageSize, imageSize, 3] (RGB) -> `embeddings` [batch, embedDim]; with `withResize`, [batch, height, width, 3]
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
  const { modules, withResize } = withDefaults('exportModel', options, exportDefaults);
  requirePaths('exportModel', { checkpointPath, outPath });
  const encode = encoderFor(outPath, withResize);
  const trained = await loadNetwork(checkpointPath, await loadModules(modules));
  const chunks = encode(trained);
  await makingFolder(path.dirname(outPath), async () => {
    await ensureWritableFile(outPath);
    await writeFileAtomic(outPath, chunks);
  });
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { path: outPath, bytes, network: trained.network };
}
