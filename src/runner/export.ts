/** A checkpoint as one ONNX model, to be shipped. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { buildExportModel } from '../graph/export.js';
import type { NetworkOptions } from '../graph/options.js';
import { fileError, writeFileAtomic } from './files.js';
import { loadNetwork } from './trained-network.js';

export interface ExportedModel {
  path: string;
  /** Size of the file. */
  bytes: number;
  network: NetworkOptions;
}

/**
 * Writes a checkpoint's network with its weights inside, batch normalization folded into the convolutions: `images` uint8
 * [batch, imageSize, imageSize, 3] (RGB) -> `embeddings` [batch, embedDim]. The model's metadata tells how to prepare images.
 *
 * @throws UserError when the checkpoint can't be read or the file can't be written
 */
export async function exportModel(checkpointPath: string, outPath: string): Promise<ExportedModel> {
  const { network, params, buffers, resize, step } = await loadNetwork(checkpointPath);
  const metadata = { network: JSON.stringify(network), resize, step: String(step) };
  const bytes = buildExportModel(network, { params, buffers }, metadata);
  const folder = path.dirname(path.resolve(outPath));
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw fileError(`can't create the folder ${folder}`, error);
  });
  await writeFileAtomic(outPath, bytes);
  return { path: outPath, bytes: bytes.length, network };
}
