import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import type { Attributes } from '../../../src/graph/onnx/types.js';
import { explicitPads } from '../../../src/graph/operators/explicit-pads.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { runModel } from '../../helpers/graphs.js';
import type { CaseInput } from './cases/draw.js';
import { Draw } from './cases/draw.js';
import { generators } from './cases/index.js';

describe('padding as numbers', () => {
  it.each(['AveragePool', 'Conv', 'ConvTranspose', 'MaxPool'] as const)(
    '%s: gives what ONNX Runtime makes of auto_pad and output_shape, to the bit',
    async (name) => {
      let compared = 0;
      for (let i = 0; compared < 20; i++) {
        const drawn = generators[name](new Draw(new Philox(24, 'init', i)));
        const { inputs, attributes = {} } = { ...drawn, inputs: drawn.inputs as CaseInput[] };
        const explicit = explicitPads(name, inputs, attributes);
        if (explicit === attributes) continue;
        const g = new GraphBuilder();
        const values = inputs.map(({ shape }, k) => g.input(`x${k}`, 'float32', shape));
        g.output('a', g.op(name, values, attributes));
        g.output('b', g.op(name, values, explicit));
        const feeds = inputs.map(({ shape, values }, k) => [
          `x${k}`,
          new ort.Tensor('float32', Float32Array.from(values), shape),
        ]);
        const { a, b } = await runModel(
          encodeModel(g.model('m')),
          Object.fromEntries(feeds) as Record<string, ort.Tensor>,
        );
        expect(b!.dims, JSON.stringify(attributes)).toEqual(a!.dims);
        expect(b!.data, JSON.stringify(attributes)).toEqual(a!.data);
        expect(explicit).toMatchObject({ auto_pad: undefined, output_shape: undefined });
        compared++;
      }
    },
  );

  it('are there with dilations too, of which ONNX Runtime knows no auto_pad', () => {
    const inputs = [
      { dtype: 'float32' as const, shape: [1, 1, 5, 6] },
      { dtype: 'float32' as const, shape: [1, 1, 3, 2] },
    ];
    const given: Attributes = { auto_pad: 'SAME_LOWER', dilations: [2, 1], strides: [1, 2] };
    expect(explicitPads('Conv', inputs, given)['pads']).toEqual([2, 0, 2, 0]);
  });

  it('leave other operators as they are', () => {
    const given = { axis: 1 };
    expect(explicitPads('Softmax', [{ dtype: 'float32', shape: [1, 2] }], given)).toBe(given);
  });
});
