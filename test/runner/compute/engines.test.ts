import { afterEach, describe, expect, it, vi } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import type { DType } from '../../../src/graph/onnx/types.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { bindingEngine } from '../../../src/runner/compute/binding-engine.js';
import { cApiEngine } from '../../../src/runner/compute/c-api/engine.js';
import type { Engine, EngineSession, PlainTensor, PlainTensors } from '../../../src/runner/compute/engine.js';
import { chooseEngine, engineVariable } from '../../../src/runner/compute/engines.js';

const cpu = { device: 'cpu', deviceId: 0, threads: 1 } as const;

function graphOf(build: (g: GraphBuilder) => void): Uint8Array {
  const g = new GraphBuilder();
  build(g);
  return encodeModel(g.model('test'));
}

/** params_out = params - lr * params, and their sum. */
const step = graphOf((g) => {
  const params = g.input('params', 'float32', ['n']);
  g.output('params_out', g.op('Sub', [params, g.op('Mul', [params, g.input('lr', 'float32', [])])]));
  g.output('sum', g.op('ReduceSum', [params], { keepdims: 0 }));
});

const scalar = (value: number): PlainTensor => ({ data: Float32Array.of(value), dims: [] });
const vector = (values: Iterable<number>): PlainTensor => {
  const data = Float32Array.from(values);
  return { data, dims: [data.length] };
};

const nothing = { place: () => undefined };

const engines: Engine[] = [bindingEngine, cApiEngine];

async function withSession(engine: Engine, model: Uint8Array, body: (session: EngineSession) => Promise<void>) {
  const session = await engine.open(model, cpu);
  try {
    await body(session);
  } finally {
    await session.release();
  }
}

describe.each(engines)('ONNX Runtime through the $name', (engine) => {
  it('tells the names of inputs and outputs', () =>
    withSession(engine, step, async ({ inputNames, outputNames }) => {
      expect([...inputNames]).toEqual(['params', 'lr']);
      expect([...outputNames]).toEqual(['params_out', 'sum']);
    }));

  // 8 elements: 64 bytes and less are kept elsewhere by V8.
  it.each([1, 8, 100_000])('writes held tensors where they lie, run by run (%i elements)', (n) =>
    withSession(engine, step, async (session) => {
      const params = vector(new Float32Array(n).fill(1));
      const { data } = params;
      const held = await engine.holder(cpu);
      await held.hold({ params });
      for (const expected of [0.5, 0.25, 0.125]) {
        const outputs = await session.run({ lr: scalar(0.5) }, held);
        expect(Object.keys(outputs)).toEqual(['sum']);
        expect(outputs['sum']).toEqual(scalar(n * expected * 2));
        expect(new Set(data)).toEqual(new Set([expected]));
      }
      expect((await held.read(['params']))['params']).toEqual(new Float32Array(n).fill(0.125));
      await held.release();
    }),
  );

  it('gives outputs that are not held as arrays of their own', () =>
    withSession(engine, step, async (session) => {
      const params = vector([1, 2]);
      const { params_out: first } = await session.run({ params, lr: scalar(0.5) }, nothing);
      const { params_out: second } = await session.run({ params: first!, lr: scalar(0.5) }, nothing);
      expect([params, first, second]).toEqual([vector([1, 2]), vector([0.5, 1]), vector([0.25, 0.5])]);
    }));

  it.each<[DType, PlainTensor['data']]>([
    ['float32', Float32Array.of(1.5, -2, 3)],
    ['float64', Float64Array.of(1e300, -2, 3)],
    ['int32', Int32Array.of(-(2 ** 31), 2, 3)],
    ['uint8', Uint8Array.of(255, 2, 3)],
  ])('carries %s', (dtype, data) => {
    const model = graphOf((g) =>
      g.output('y', g.op('Concat', [g.input('x', dtype, [3]), g.input('x2', dtype, [3])], { axis: 0 })),
    );
    return withSession(engine, model, async (session) => {
      const twice = new (data.constructor as new (values: number[]) => typeof data)([...data, ...data]);
      const x = { data, dims: [3] };
      expect(await session.run({ x, x2: x }, nothing)).toEqual({ y: { data: twice, dims: [6] } });
    });
  });

  it('carries tensors without an element', () =>
    withSession(engine, step, async (session) => {
      const outputs = await session.run({ params: vector([]), lr: scalar(1) }, nothing);
      expect(outputs).toEqual({ params_out: vector([]), sum: scalar(0) });
    }));

  it('refuses an array that is too short for its shape, and goes on', () =>
    withSession(engine, step, async (session) => {
      const short = { data: Float32Array.of(1), dims: [1000] };
      await expect(session.run({ params: short, lr: scalar(1) }, nothing)).rejects.toThrow();
      expect((await session.run({ params: vector([3]), lr: scalar(1) }, nothing))['sum']).toEqual(scalar(3));
    }));

  it('names the node of an error in ONNX Runtime’s words, and goes on', () => {
    const model = graphOf((g) => {
      g.output('y', g.op('Add', [g.input('a', 'float32', ['n']), g.input('b', 'float32', ['n'])]));
    });
    return withSession(engine, model, async (session) => {
      const run = (b: PlainTensor) => session.run({ a: vector([1, 2]), b }, nothing);
      await expect(run(vector([1, 2, 3]))).rejects.toThrow(/Add node. Name:'Add'/);
      expect(await run(vector([1, 2]))).toEqual({ y: vector([2, 4]) });
    });
  });

  it('leaves an error of the model as it is', async () => {
    const opening = engine.open(Uint8Array.of(1, 2, 3), cpu);
    await expect(opening).rejects.toThrow(/protobuf/i);
    await expect(opening).rejects.not.toBeInstanceOf(UserError);
  });

  it('runs no session that is released', async () => {
    const session = await engine.open(step, cpu);
    await session.release();
    await expect(session.run({ params: vector([1]), lr: scalar(1) }, nothing)).rejects.toThrow();
  });

  it('has sessions beside each other, of either engine', async () => {
    const other = await bindingEngine.open(step, cpu);
    await withSession(engine, step, async (session) => {
      const inputs: PlainTensors = { params: vector([1, 2]), lr: scalar(0.5) };
      const [one, two] = await Promise.all([session.run(inputs, nothing), other.run(inputs, nothing)]);
      expect(one).toEqual(two);
    });
    await other.release();
  });
});

describe('chooseEngine', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('takes the C API, but not for WebGPU', async () => {
    vi.stubEnv(engineVariable, '');
    expect(await chooseEngine(cpu)).toEqual({ engine: cApiEngine });
    const { engine, reason } = await chooseEngine({ device: 'webgpu' });
    expect([engine, reason]).toEqual([bindingEngine, expect.stringContaining('webgpu')]);
  });

  it('refuses what only the C API obeys where that is not used', async () => {
    const device = { device: 'cuda', tf32: 'off' } as const;
    vi.stubEnv(engineVariable, '');
    expect(await chooseEngine(device)).toEqual({ engine: cApiEngine });
    vi.stubEnv(engineVariable, 'binding');
    await expect(chooseEngine(device)).rejects.toThrow(/--tf32 off is obeyed .* C API only.*DWS_ENGINE=binding/);
    await expect(chooseEngine({ device: 'cuda', gpuMemLimit: 1 })).rejects.toThrow('--gpu-mem-limit is obeyed');
    expect((await chooseEngine({ device: 'cuda' })).engine).toBe(bindingEngine);
  });

  it(`does as ${engineVariable} says, or not at all`, async () => {
    vi.stubEnv(engineVariable, 'binding');
    expect(await chooseEngine(cpu)).toEqual({ engine: bindingEngine, reason: `${engineVariable}=binding` });
    vi.stubEnv(engineVariable, 'c-api');
    expect(await chooseEngine(cpu)).toEqual({ engine: cApiEngine });
    await expect(chooseEngine({ device: 'webgpu' })).rejects.toThrow(/C API can't be used/);
    for (const unknown of ['koffi', 'constructor']) {
      vi.stubEnv(engineVariable, unknown);
      await expect(chooseEngine(cpu)).rejects.toThrow(`DWS_ENGINE=${unknown} is not known: give c-api or binding.`);
    }
  });
});
