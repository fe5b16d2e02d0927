/** A checkpoint as one file, to be shipped: an ONNX model, or the weights for PyTorch. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { buildExportModel } from '../graph/export.js';
import type { NetworkOptions } from '../graph/options.js';
import { UserError } from './errors.js';
import { encodeWeights } from './export-weights.js';
import { fileError, writeFileAtomic } from './files.js';
import type { TrainedNetwork } from './trained-network.js';
import { loadNetwork } from './trained-network.js';

export interface ExportedModel {
  path: string;
  /** Size of the file. */
  bytes: number;
  network: NetworkOptions;
}

function encodeOnnx({ network, params, buffers, resize, step }: TrainedNetwork): Uint8Array[] {
  const metadata = { network: JSON.stringify(network), resize, step: String(step) };
  return [buildExportModel(network, { params, buffers }, metadata)];
}

/** By the file's ending: chunks to be written one after the other. */
const encoders: Record<string, (trained: TrainedNetwork) => Uint8Array[]> = {
  '.onnx': encodeOnnx,
  '.safetensors': encodeWeights,
};

function encoderFor(outPath: string): (trained: TrainedNetwork) => Uint8Array[] {
  const ending = path.extname(outPath).toLowerCase();
  const encode = Object.hasOwn(encoders, ending) ? encoders[ending] : undefined;
  if (encode) return encode;
  throw new UserError(
    `can't tell from the name ${outPath} what to write. Let it end in .onnx for an ONNX model, ` +
      `or in .safetensors for the weights that PyTorch can load.`,
  );
}

/**
 * Writes a checkpoint's network, in the format that the file's ending asks for:
 *
 * - `.onnx`: a model with its weights inside, batch normalization folded into the convolutions: `images` uint8
 *   [batch, imageSize, imageSize, 3] (RGB) -> `embeddings` [batch, embedDim]
 * - `.safetensors`: the weights under torchvision's names, the head as `dense` (see `encodeWeights`)
 *
 * The metadata of both tells how to prepare images.
 *
 * @throws UserError when the ending is another one, the checkpoint can't be read or the file can't be written
 */
export async function exportModel(checkpointPath: string, outPath: string): Promise<ExportedModel> {
  const encode = encoderFor(outPath);
  const trained = await loadNetwork(checkpointPath);
  const chunks = encode(trained);
  const folder = path.dirname(path.resolve(outPath));
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw fileError(`can't create the folder ${folder}`, error);
  });
  await writeFileAtomic(outPath, chunks);
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { path: outPath, bytes, network: trained.network };
}
