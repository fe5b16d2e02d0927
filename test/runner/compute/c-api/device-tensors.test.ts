import { afterEach, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../../src/graph/onnx/schema.js';
import type { PlainTensor } from '../../../../src/runner/compute/engine.js';
import { DeviceTensors } from '../../../../src/runner/compute/c-api/device-tensors.js';
import { library } from '../../../../src/runner/compute/c-api/library.js';
import { openSession } from '../../../../src/runner/compute/c-api/session.js';

// The CPU as a device: its memory is ONNX Runtime's here, too, and everything goes the way that it goes to a GPU.
const cpu = { device: 'cpu', deviceId: 0, threads: 1 } as const;

const vector = (values: Iterable<number>): PlainTensor => {
  const data = Float32Array.from(values);
  return { data, dims: [data.length] };
};

function doubling(): Uint8Array {
  const g = new GraphBuilder();
  const params = g.input('params', 'float32', ['n']);
  g.output('params_out', g.op('Add', [params, params]));
  g.output('sum', g.op('ReduceSum', [params], { keepdims: 0 }));
  return encodeModel(g.model('test'));
}

let held: DeviceTensors | undefined;
const open = async () => (held = await DeviceTensors.open(await library(), cpu));

afterEach(async () => {
  await held?.release();
  held = undefined;
});

describe('DeviceTensors', () => {
  it('gives back what it was given, longer than what is moved at a time, and unchanged by that', async () => {
    const tensors = await open();
    const long = Float32Array.from({ length: 2 ** 22 + 3 }, (_, i) => i * 0.1);
    const view = long.subarray(1);
    await tensors.hold({ long: { data: view, dims: [view.length] }, empty: vector([]), scalar: vector([7]) });
    for (let times = 0; times < 2; times++) {
      expect(await tensors.read(['scalar', 'empty'])).toEqual({
        scalar: Float32Array.of(7),
        empty: new Float32Array(),
      });
      const { long: read } = await tensors.read(['long']);
      expect(Buffer.from(read!.buffer).equals(Buffer.from(view.buffer, view.byteOffset, view.byteLength))).toBe(true);
    }
  });

  it('is written by runs where it lies, without the arrays that it was made of', async () => {
    const tensors = await open();
    const params = vector([1, 2]);
    await tensors.hold({ params });
    const session = await openSession(await library(), doubling(), cpu);
    for (const sum of [3, 6, 12]) {
      const outputs = await session.run({}, tensors);
      expect(outputs).toEqual({ sum: { data: Float32Array.of(sum), dims: [] } });
    }
    await session.release();
    expect(params).toEqual(vector([1, 2]));
    expect(await tensors.read(['params'])).toEqual({ params: Float32Array.of(8, 16) });
  });

  it('takes what is given in place of what is held', async () => {
    const tensors = await open();
    await tensors.hold({ params: vector([1, 2]) });
    const session = await openSession(await library(), doubling(), cpu);
    expect((await session.run({ params: vector([5, 5]) }, tensors))['sum']!.data[0]).toBe(10);
    await session.release();
  });

  it.each<[string, PlainTensor]>([
    ['the same shape', vector([3, 4])],
    ['another shape', vector([3, 4, 5])],
  ])('keeps a tensor of %s in place of one of its name', async (_, other) => {
    const tensors = await open();
    await tensors.hold({ params: vector([1, 2]) });
    await tensors.hold({ params: other });
    expect(await tensors.read(['params'])).toEqual({ params: other.data });
  });

  it('carries every type that runs are given', async () => {
    const tensors = await open();
    const gallery = { data: Float64Array.of(1e300, 2), dims: [2] };
    const ids = { data: Int32Array.of(-1, 7), dims: [2] };
    await tensors.hold({ gallery, ids, bytes: { data: Uint8Array.of(255, 1), dims: [2] } });
    const model = new GraphBuilder();
    model.output('a', model.op('Neg', [model.input('gallery', 'float64', [2])]));
    model.output('b', model.op('Neg', [model.input('ids', 'int32', [2])]));
    model.output('c', model.op('Concat', [model.input('bytes', 'uint8', [2])], { axis: 0 }));
    const session = await openSession(await library(), encodeModel(model.model('types')), cpu);
    const { a, b, c } = await session.run({}, tensors);
    await session.release();
    expect([[...a!.data], [...b!.data], [...c!.data]]).toEqual([
      [-1e300, -2],
      [1, -7],
      [255, 1],
    ]);
  });
});
