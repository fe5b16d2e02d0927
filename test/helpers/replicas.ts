/** The definition of a batch in pieces: every piece goes through the network by itself, in one graph that knows of no Loop. */
import { dropoutBytes } from '../../src/graph/artifacts/artifacts.js';
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import { encodeModel } from '../../src/graph/onnx/schema.js';
import { concat } from '../../src/graph/ops/shape.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import { partsOf } from '../../src/graph/parts/parts.js';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { embed, imagesToFeatures } from '../../src/graph/step/network.js';
import { trainingStep, tupleTensors } from '../../src/graph/step/step.js';

/** How many images each piece of a batch has. */
export const pieceSizes = (batchSize: number, size: number): number[] =>
  Array.from({ length: Math.ceil(batchSize / size) }, (_, i) => Math.min(size, batchSize - i * size));

/**
 * A step without the update, as `training_model.onnx` has it, with batch statistics of each piece.
 *
 * @throws Error for options with dropout, whose bytes lie by layers of the whole batch
 */
export function replicas(options: TrainingOptions, sizes: readonly number[]): Uint8Array {
  const layout = describeNetwork(options);
  if (dropoutBytes(layout, options) > 0) throw new Error('replicas have no dropout');
  const g = new GraphBuilder();
  const parts = partsOf(options);
  const { batchSize, batchK, imageSize, classes } = options;
  const images = g.input('images', 'uint8', [batchSize, imageSize, imageSize, 3]);
  const inputs = {
    labels: g.input('labels', 'int32', [batchSize]),
    uniforms: g.input('uniforms', 'float32', [batchSize, batchK - 1]),
    params: g.input('params', 'float32', [layout.paramCount]),
    buffers: g.input('buffers', 'float32', [layout.bufferCount]),
    own: { beta: g.input('beta', 'float32', [classes]) },
  };
  let first = 0;
  const pieces = sizes.map((size) => {
    const rows = g.op('Slice', [images, g.ints([first]), g.ints([first + size]), g.ints([0])]);
    first += size;
    return imagesToFeatures(g, rows, 'CNHW', options);
  });
  const step = trainingStep(g, inputs, {
    network: (layers) =>
      concat(
        g,
        pieces.map((piece) => embed(g, layers, piece, options, parts.backbone)),
        0,
      ),
    mode: { provider: 'cpu', batchNorm: 'batch' },
    ...{ layout, loss: parts.loss, sampling: parts.sampling, batchK },
  });
  g.output('loss', step.loss);
  for (const [name, value] of Object.entries(tupleTensors(step.tuples))) g.output(name, value);
  g.output('gradients', step.gradient.params);
  return encodeModel(g.model('replicas'));
}
