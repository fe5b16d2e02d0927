import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { backbones } from '../../../src/graph/models/index.js';
import { elementCount } from '../../../src/graph/onnx/types.js';
import { rowPacking } from '../../../src/graph/state/packing.js';
import { rowLayout } from '../../../src/graph/state/rows.js';
import { runsOf, worthAPass } from '../../../src/graph/state/runs.js';
import type { NamedShape, NetworkLayout } from '../../../src/graph/state/state.js';
import { describeNetwork } from '../../../src/graph/step/describe.js';
import { openModel } from '../../helpers/graphs.js';

const init = { kind: 'constant', value: 0 } as const;

/** Tensors of odd sizes among others, the last `head` of them behind the body. */
function layoutOf(shapes: readonly number[][], head: number): NetworkLayout {
  const params = shapes.map((shape, i) => ({ name: `p${i}`, shape, init }));
  const count = (specs: readonly NamedShape[]) => specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const sizes = { paramCount: count(params), bodyCount: count(params.slice(0, params.length - head)) };
  return { params, buffers: [], bufferCount: 0, dropoutCount: 0, ...sizes };
}

const odd = layoutOf(
  [[64, 3, 7, 7], [64], [64], [129, 64, 3, 3], [129], [129], [2048, 129], [1], [511, 2049], [511], [128, 511], [128]],
  4,
);
const cases: readonly (readonly [what: string, layout: NetworkLayout])[] = [
  ['sizes without a common divisor', odd],
  ['one tensor', layoutOf([[3, 5]], 0)],
  ['nothing behind the body', layoutOf([[256, 4], [7], [512]], 0)],
  ['nothing but what is behind the body', layoutOf([[256, 4], [7]], 2)],
  [
    'many small tensors',
    layoutOf(
      Array.from({ length: 70 }, (_, i) => [i + 1]),
      3,
    ),
  ],
];

/** Numbers of both signs, zeros of both signs among them. */
const numbers = (length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => (i % 11 === 0 ? -0 : i % 7 === 0 ? 0 : Math.sin(i) * 1e3));

const bits = (data: unknown): string => Buffer.from((data as Float32Array).slice().buffer).toString('base64');

describe('state in rows', () => {
  it.each(cases)('comes back to the bit: %s', async (_, layout) => {
    const { params, places } = rowPacking(layout);
    const g = new GraphBuilder();
    const entered = params.enter(g, g.input('flat', 'float32', [layout.paramCount]));
    expect(entered.shape).toEqual([places.paramCount]);
    const tensors = params.unpack(g, entered);
    expect([...tensors.keys()]).toEqual(layout.params.map(({ name }) => name));
    for (const { name, shape } of layout.params) {
      expect(tensors.get(name)!.shape).toEqual(shape);
      g.output(`${name}_value`, g.op('Reshape', [tensors.get(name)!, g.ints([-1])]));
    }
    const packed = params.pack(g, [...tensors.values()]);
    g.output('packed', packed);
    g.output('entered', entered);
    g.output('left', params.leave(g, packed));
    const session = await openModel(encodeModel(g.model('rows')));
    const flat = numbers(layout.paramCount);
    const outputs = await session.run({ flat: new Tensor('float32', flat, [flat.length]) });
    let at = 0;
    for (const { name, shape } of layout.params) {
      expect(bits(outputs[`${name}_value`]!.data)).toBe(bits(flat.subarray(at, (at += elementCount(shape)))));
    }
    expect(bits(outputs['left']!.data)).toBe(bits(flat));
    expect(bits(outputs['packed']!.data)).toBe(bits(outputs['entered']!.data));
    await session.release();
  });

  it.each(cases)('has what is behind the body in rows of its own: %s', (_, layout) => {
    const { blocks, row, count, bodyCount } = rowLayout(layout.params, layout.bodyCount);
    let [flat, packed] = [0, 0];
    for (const { specs, elements, padded } of blocks) {
      const isBody = packed < bodyCount;
      expect(packed + padded > bodyCount && isBody).toBe(false);
      if (isBody) flat += specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
      expect(padded % row).toBe(0);
      expect(padded - elements).toBeLessThan(row);
      packed += padded;
    }
    expect(packed).toBe(count);
    expect(flat).toBe(layout.bodyCount);
  });

  it('takes less than an eighth more, and at most 1 MB of tables a step, for every network and --feat-dim 511', () => {
    for (const model of Object.keys(backbones))
      for (const featDim of [512, 511]) {
        const network = describeNetwork({ model, featDim, embedDim: 128, imageSize: 299 });
        const tables = (specs: readonly NamedShape[], bodyCount = 0): number => {
          const { blocks, row, count } = rowLayout(specs, bodyCount);
          const within = blocks.filter((block) => block.specs.length > 1);
          const places = within.map(({ specs: own, elements }) => {
            const sizes = own.map(({ shape }) => elementCount(shape));
            const divisor = [...Array(Math.min(...sizes)).keys()]
              .map((n) => n + 1)
              .filter((n) => sizes.every((size) => size % n === 0));
            return elements / Math.max(...divisor);
          });
          expect(count).toBeLessThan(1.125 * specs.reduce((sum, { shape }) => sum + elementCount(shape), 2 ** 17));
          // One Split and one Concat, of 8 bytes a place.
          return 16 * (count / row + places.reduce((a, b) => a + b, 0));
        };
        // The body's own learning rate cuts and joins once more.
        const slower = 16 * (rowLayout(network.params, network.bodyCount).count / rowLayout(network.params).row);
        const all = tables(network.params, network.bodyCount) + tables(network.buffers) + slower;
        expect([model, featDim, all > 1e6]).toEqual([model, featDim, false]);
      }
  });

  it('leaves runs with a common divisor in one piece', () => {
    const runs = runsOf(
      describeNetwork({ model: 'resnet18', featDim: 512, embedDim: 128, imageSize: 224 }).params,
      worthAPass,
    );
    expect(runs).toHaveLength(1);
    expect(runsOf(odd.params, worthAPass).length).toBeGreaterThan(1);
  });
});
