/** What a model's artifacts are made of, and whether its export runs. */
import * as ort from 'onnxruntime-node';
import { buildExportModel } from '../../src/graph/artifacts/export.js';
import { initialState } from '../../src/graph/step/describe.js';
import type { GraphProto } from '../../src/graph/onnx/schema.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import { openSession } from '../../src/runner/compute/session.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';

/** Nodes of a graph and of those inside it, such as a Loop's body. */
export function nodeCount({ node }: GraphProto): number {
  const inner = node.flatMap(({ attribute }) => attribute.flatMap(({ g }) => (g ? [nodeCount(g)] : [])));
  return node.length + inner.reduce((sum, count) => sum + count, 0);
}

/** Exports the initial network and embeds one gray image. @throws Error when that fails or gives no unit vector */
export async function checkExport(options: TrainingOptions, device: DeviceOptions): Promise<void> {
  const { imageSize } = options;
  const session = await openSession(buildExportModel(options, initialState(options, 0)), device);
  try {
    const pixels = new Uint8Array(imageSize * imageSize * 3).fill(128);
    const images = new ort.Tensor('uint8', pixels, [1, imageSize, imageSize, 3]);
    const { embeddings } = await session.run({ images });
    const length = Math.hypot(...(embeddings!.data as Float32Array));
    if (!(Math.abs(length - 1) < 1e-4)) throw new Error(`the exported model gives a vector of length ${length}`);
  } finally {
    await session.release();
  }
}
