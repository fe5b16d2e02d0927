/** Runs a case of an operator: its outputs against its shape rule, its gradients against finite differences. */
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { GraphBuilder } from '../../../../src/graph/builder/builder.js';
import { gradients } from '../../../../src/graph/builder/gradients.js';
import type { OperatorName } from '../../../../src/graph/onnx/names.js';
import type { Value } from '../../../../src/graph/onnx/nodes.js';
import { encodeModel } from '../../../../src/graph/onnx/schema.js';
import type { Attributes, DType } from '../../../../src/graph/onnx/types.js';
import { elementCount } from '../../../../src/graph/onnx/types.js';
import { openModel } from '../../../helpers/graphs.js';
import type { Case, CaseInput, Draw } from './draw.js';

/** Half the distance of two places whose difference is taken. */
const step = 2 ** -7;

const tensorOf = (dtype: DType, values: ArrayLike<number>, shape: readonly number[]): ort.Tensor => {
  const list = Array.from(values);
  if (dtype === 'int64') return new ort.Tensor('int64', BigInt64Array.from(list.map(BigInt)), shape);
  if (dtype === 'int32') return new ort.Tensor('int32', Int32Array.from(list), shape);
  if (dtype === 'bool') return new ort.Tensor('bool', Uint8Array.from(list), shape);
  if (dtype === 'uint8') return new ort.Tensor('uint8', Uint8Array.from(list), shape);
  return new ort.Tensor('float32', Float32Array.from(list), shape);
};

type Role = Exclude<CaseInput['role'], 'free'>;

/** What each input is; at least one of those that may be watched is. */
function rolesOf(draw: Draw, inputs: Case['inputs']): (Role | null)[] {
  const isFree = (x: Case['inputs'][0]) => typeof x === 'object' && x?.role === 'free';
  const chosen = draw.pick(inputs.flatMap((x, i) => (isFree(x) ? [i] : [])).concat(-1));
  const first = inputs.findIndex(isFree);
  return inputs.map((x, i) => {
    if (x === null || typeof x === 'number') return null;
    if (x.role !== 'free') return x.role;
    if (i === chosen || (chosen < 0 && i === first)) return 'watched';
    return draw.pick(['watched', 'watched', 'watched', 'fed', 'constant']);
  });
}

const addAll = (g: GraphBuilder, terms: readonly Value[]): Value => terms.reduce((a, b) => g.op('Add', [a, b]));

/** sum(y * c) with random numbers c, over some of the outputs that have gradients. */
function weigh(g: GraphBuilder, draw: Draw, outputs: readonly Value[]) {
  const tracked = outputs.flatMap((y, i) => (y.tracked ? [i] : []));
  const used = draw.choose(tracked.length, draw.int(1, tracked.length)).map((i) => tracked[i]!);
  const weights = new Map(used.map((i) => [i, draw.fill(outputs[i]!.shape as number[], draw.normal)]));
  const terms = [...weights].map(([i, c]) => {
    const weighted = g.op('Mul', [outputs[i]!, g.constant('float32', outputs[i]!.shape as number[], c)]);
    return g.op('ReduceSum', [weighted], { keepdims: 0 });
  });
  return { weights, loss: addAll(g, terms) };
}

/** How an operator is written, and what it should give, in float64; by the operators' table, and what ONNX Runtime says, unless given. */
export interface Way {
  write?: (g: GraphBuilder, name: string, inputs: (Value | null)[], attributes: Attributes, outputs: number) => Value[];
  reference?: (inputs: readonly (CaseInput | null)[], attributes: Attributes) => number[];
}

const byTable: Way['write'] & {} = (g, name, inputs, attributes, outputs) =>
  g.ops(name as OperatorName, inputs, attributes, outputs);

/** To 1e-5 of the largest value, and of 1. */
function holdValues(found: Float32Array, wanted: readonly number[], described: string): void {
  expect(found.length, described).toBe(wanted.length);
  const tolerance = 1e-5 * (1 + Math.max(...wanted.map(Math.abs)));
  wanted.forEach((value, i) => {
    const difference = Math.abs(found[i]! - value);
    if (!(difference <= tolerance)) expect.fail(`element ${i}: ${found[i]} instead of ${value} in ${described}`);
  });
}

/**
 * Draws a case and holds it.
 *
 * Central differences, element by element: each output is an exact enough float32 number, and their differences are summed in
 * float64. With h = 1/128 rounding leaves an error of about 6e-8 |y| / 2h = 4e-6 |y| and the third derivative one of
 * h^2 / 6 = 1e-5 of it: 0.2 % of the largest gradient, plus 1e-3, is well above both, and far below a wrong index or factor.
 *
 * @returns how many gradients of elements were compared
 */
export async function holdCase(
  name: string,
  draw: Draw,
  generate: (draw: Draw) => Case,
  { write = byTable, reference }: Way = {},
): Promise<number> {
  const { inputs, attributes = {}, outputs: wanted = 1 } = generate(draw);
  const roles = rolesOf(draw, inputs);
  const g = new GraphBuilder();
  const values: (Value | null)[] = [];
  const feeds: Record<string, ort.Tensor> = {};
  inputs.forEach((x, i) => {
    if (x === null || typeof x === 'number') return values.push(x === null ? null : values[x]!);
    if (roles[i] === 'constant') return values.push(g.constant(x.dtype, x.shape, x.values));
    const value = g.input(`x${i}`, x.dtype, x.shape);
    feeds[`x${i}`] = tensorOf(x.dtype, x.values, x.shape);
    return values.push(roles[i] === 'watched' ? g.watch(value) : value);
  });
  const described = JSON.stringify({ name, inputs, roles, attributes, wanted });

  const ys = write(g, name, values, attributes, wanted);
  ys.forEach((y, i) => g.output(`y${i}`, y));
  const targets = values.flatMap((x, i) => (roles[i] === 'watched' ? [{ at: i, value: x! }] : []));
  const isDifferentiable = targets.length > 0 && ys.some(({ tracked }) => tracked);
  const weighed = isDifferentiable ? weigh(g, draw, ys) : undefined;
  if (weighed) {
    const found = gradients(
      g,
      weighed.loss,
      targets.map(({ value }) => value),
    );
    found.forEach((dx, i) => g.output(`d${targets[i]!.at}`, dx));
  }

  const session = await openModel(encodeModel(g.model('case')));
  const results = await session.run(feeds);
  ys.forEach((y, i) => {
    const result = results[`y${i}`]!;
    expect(result.type, described).toBe(y.dtype);
    const isNamed = y.shape.some((dim) => typeof dim !== 'number');
    if (reference)
      holdValues(result.data as Float32Array, reference(inputs as (CaseInput | null)[], attributes), described);
    expect(isNamed ? result.dims.length : result.dims, described).toEqual(isNamed ? y.shape.length : y.shape);
  });
  let compared = 0;
  for (const { at } of weighed ? targets : []) {
    const { shape, values: x } = inputs[at] as CaseInput;
    const gradient = results[`d${at}`]!;
    expect(gradient.dims, described).toEqual(shape);
    const slopes = Array.from(gradient.data as Float32Array);
    const fetches = [...weighed!.weights.keys()].map((i) => `y${i}`);
    const moved = async (element: number, by: number) => {
      const data = Float32Array.from(x);
      data[element]! += by;
      const feed = { ...feeds, [`x${at}`]: new ort.Tensor('float32', data, shape) };
      return { place: data[element]!, ys: await session.run(feed, fetches) };
    };
    const tolerance = 2e-3 * Math.max(...slopes.map(Math.abs)) + 1e-3;
    for (let element = 0; element < elementCount(shape); element++) {
      const [up, down] = [await moved(element, step), await moved(element, -step)];
      let rise = 0;
      for (const [i, c] of weighed!.weights) {
        const [high, low] = [up, down].map((side) => side.ys[`y${i}`]!.data as Float32Array);
        c.forEach((weight, k) => (rise += weight * (high![k]! - low![k]!)));
      }
      const difference = Math.abs(rise / (up.place - down.place) - slopes[element]!);
      if (!(difference <= tolerance))
        expect.fail(`input ${at}, element ${element}: ${slopes[element]} is off by ${difference} in ${described}`);
      compared++;
    }
  }
  await session.release();
  return compared;
}
