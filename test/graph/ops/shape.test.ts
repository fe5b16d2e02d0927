import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../src/graph/builder/builder.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { l2Normalize, linear } from '../../../src/graph/ops/linear.js';
import { sum } from '../../../src/graph/ops/reduce.js';
import { concat, gatherRows, reshape, transpose } from '../../../src/graph/ops/shape.js';
import { expectGradients, randomTensor, runModel, tapeGradients } from '../../helpers/graphs.js';

describe('gradients equal finite differences', () => {
  it('reshape and transpose', async () =>
    expectGradients((g, x) => transpose(g, reshape(g, x!, [3, 2, 4]), [2, 0, 1]), [[6, 4]]));

  it('concat', async () =>
    expectGradients(
      (g, a, b) => concat(g, [a!, b!, a!], 1),
      [
        [2, 3],
        [2, 4],
      ],
    ));

  it('concat of channels, in rows as for CUDA', async () => {
    const [shapes, build] = [
      [
        [4, 3],
        [6, 3],
        [2, 3],
      ],
      (g: GraphBuilder, a?: Value, b?: Value, c?: Value) => concat(g, [a!, b!, c!], 0),
    ] as const;
    const tensors = shapes.map((shape, i) => randomTensor(shape, i));
    const [plain, rows] = [
      await tapeGradients(build, shapes, tensors),
      await tapeGradients(build, shapes, tensors, 'cuda'),
    ];
    expect(rows).toEqual(plain);
    const g = new GraphBuilder('cuda');
    const joined = build(g, ...shapes.map((shape, i) => g.input(`x${i}`, 'float32', shape)));
    g.output('y', joined);
    const feeds = Object.fromEntries(tensors.map((data, i) => [`x${i}`, new Tensor('float32', data, [...shapes[i]!])]));
    const { y } = await runModel(encodeModel(g.model('test')), feeds);
    expect(Array.from(y!.data as Float32Array)).toEqual(tensors.flatMap((data) => Array.from(data)));
  });

  it('gatherRows adds up the rows that are taken more than once', async () =>
    expectGradients((g, x) => gatherRows(g, x!, g.constant('int32', [2, 3], [0, 2, 2, 1, 2, 0])), [[4, 5]]));

  it('gatherRows of a vector', async () =>
    expectGradients((g, x) => gatherRows(g, x!, g.constant('int32', [5], [3, 3, 0, 1, 3])), [[4]]));

  it('sum', async () => expectGradients((g, x) => sum(g, x!, [1]), [[3, 4, 2]]));

  it('linear', async () => expectGradients((g, x, w, b) => linear(g, x!, w!, b!), [[3, 4], [5, 4], [5]]));

  it('l2Normalize', async () => expectGradients((g, x) => l2Normalize(g, x!), [[3, 6]]));
});
