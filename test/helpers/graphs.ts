/** Runs small graphs, and holds gradients against finite differences. */
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { gradients } from '../../src/graph/builder/gradients.js';
import type { Value } from '../../src/graph/builder/builder.js';
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import { decodeModel, encodeModel } from '../../src/graph/onnx/schema.js';
import { mul } from '../../src/graph/ops/arithmetic.js';
import { sum } from '../../src/graph/ops/reduce.js';
import { reshape } from '../../src/graph/ops/shape.js';
import type { Provider } from '../../src/graph/options.js';
import { Philox } from '../../src/graph/state/philox.js';
import { elementCount } from '../../src/graph/onnx/types.js';
import type { PlainTensors } from '../../src/runner/compute/engine.js';

export type Build = (g: GraphBuilder, ...inputs: Value[]) => Value;

const stream = (index: number) => new Philox(7, 'init', index);

/** Numbers around 0 that are never within 0.05 of it or (mostly) of one another's multiples: no kink is near. */
export const randomTensor = (shape: readonly number[], index: number): Float32Array => {
  const random = stream(index);
  return Float32Array.from({ length: elementCount(shape) }, () => {
    const value = random.normal();
    return value + Math.sign(value) * 0.05;
  });
};

export const openModel = (bytes: Uint8Array): Promise<ort.InferenceSession> =>
  ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, enableMemPattern: false });

export async function runModel(
  bytes: Uint8Array,
  feeds: Record<string, ort.Tensor>,
): Promise<ort.InferenceSession.ReturnType> {
  const session = await openModel(bytes);
  const outputs = await session.run(feeds);
  await session.release();
  return outputs;
}

const types = new Map<unknown, ort.Tensor.Type>([
  [Uint8Array, 'uint8'],
  [Int32Array, 'int32'],
  [Float32Array, 'float32'],
]);

/** Runs a model on those of some tensors that it takes. */
export async function runPlain(model: Uint8Array, tensors: PlainTensors): Promise<Record<string, Float32Array>> {
  const taken = new Set(decodeModel(model).graph!.input.map(({ name }) => name));
  const given = Object.entries(tensors).filter(([name]) => taken.has(name));
  const feeds = given.map(([name, { data, dims }]) => [
    name,
    new ort.Tensor(types.get(data.constructor)! as 'float32', data as Float32Array, dims),
  ]);
  const outputs = await runModel(model, Object.fromEntries(feeds) as Record<string, ort.Tensor>);
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
}

const feed = (tensors: Float32Array[], shapes: readonly (readonly number[])[]) =>
  Object.fromEntries(tensors.map((data, i) => [`x${i}`, new ort.Tensor('float32', data, [...shapes[i]!])]));

/** The output of `build` on given tensors. */
export async function evaluate(build: Build, shapes: readonly (readonly number[])[], tensors: Float32Array[]) {
  const g = new GraphBuilder();
  const inputs = shapes.map((shape, i) => g.input(`x${i}`, 'float32', shape));
  const y = build(g, ...inputs);
  g.output('y', y);
  const out = await runModel(encodeModel(g.model('test')), feed(tensors, shapes));
  return { shape: [...out['y']!.dims], data: out['y']!.data as Float32Array };
}

/** f = sum(build(x) * c) for a fixed random c, and its gradients by the tape. */
function scalarGraph(build: Build, shapes: readonly (readonly number[])[], provider: Provider = 'cpu') {
  const g = new GraphBuilder(provider);
  const inputs = shapes.map((shape, i) => g.watch(g.input(`x${i}`, 'float32', shape)));
  const y = build(g, ...inputs);
  const shape = y.shape as number[];
  const c = g.constant('float32', shape, randomTensor(shape, 99));
  const f = reshape(
    g,
    sum(
      g,
      mul(g, y, c),
      shape.map((_, axis) => axis),
    ),
    [],
  );
  g.output('f', f);
  gradients(g, f, inputs).forEach((gradient, i) => g.output(`d${i}`, gradient));
  return encodeModel(g.model('test'));
}

/** Gradients of f = sum(build(x) * c) with respect to every input, by what a provider's graphs are written in; run on the CPU. */
export async function tapeGradients(
  build: Build,
  shapes: readonly (readonly number[])[],
  tensors: Float32Array[],
  provider: Provider = 'cpu',
) {
  const out = await runModel(scalarGraph(build, shapes, provider), feed(tensors, shapes));
  return shapes.map((_, i) => out[`d${i}`]!.data as Float32Array);
}

/**
 * Holds the tape's gradients against central differences along a random direction for each input. Single precision leaves about
 * three digits of a difference quotient, hence the tolerance of 1 %: a wrong index or factor is off by far more.
 */
export async function expectGradients(build: Build, shapes: readonly (readonly number[])[], given?: Float32Array[]) {
  const tensors = given ?? shapes.map((shape, i) => randomTensor(shape, i));
  const session = await ort.InferenceSession.create(scalarGraph(build, shapes), { intraOpNumThreads: 1 });
  const run = async (inputs: Float32Array[]) => session.run(feed(inputs, shapes));
  const out = await run(tensors);
  const h = 5e-3;
  for (const [i, tensor] of tensors.entries()) {
    const gradient = out[`d${i}`]!.data as Float32Array;
    expect(out[`d${i}`]!.dims).toEqual(shapes[i]);
    for (const trial of [0, 1, 2]) {
      const random = stream(1000 + 10 * i + trial);
      const direction = tensor.map(() => random.normal());
      const at = async (t: number) => {
        const moved = tensors.map((x, j) => (j === i ? x.map((v, k) => v + t * direction[k]!) : x));
        return ((await run(moved))['f']!.data as Float32Array)[0]!;
      };
      const numeric = ((await at(h)) - (await at(-h))) / (2 * h);
      const analytic = gradient.reduce((total, v, k) => total + v * direction[k]!, 0);
      const scale = Math.hypot(...gradient);
      expect(Math.abs(numeric - analytic), `input ${i}: ${numeric} and ${analytic}`).toBeLessThan(0.01 * scale + 1e-3);
    }
  }
  await session.release();
}

/** Largest difference relative to the reference's largest value. */
export function relativeError(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  expect(values.length).toBe(reference.length);
  let [worst, largest] = [0, 1e-30];
  for (let i = 0; i < reference.length; i++) {
    worst = Math.max(worst, Math.abs(values[i]! - reference[i]!));
    largest = Math.max(largest, Math.abs(reference[i]!));
  }
  return worst / largest;
}
