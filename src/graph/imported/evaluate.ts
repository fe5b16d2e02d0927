/**
 * Operators computed when a graph is built: what files write to find shapes, positions and masks. Values are kept in float64 and rounded to
 * float32 after each operator; whole numbers as they are. Elements may be multiples of the batch size.
 */
import { axesOf, axisOf } from '../operators/operator.js';
import { elementCount } from '../onnx/types.js';
import type { DType } from '../onnx/types.js';
import { broadcastElement, broadcastShape, element, filled, numbers, requireFew, tensor } from './arrays.js';
import { dividedBy, product, times } from './batch-sizes.js';
import type { AttributeValue } from './model.js';
import type { Element, NumberTensor, Tensor } from './tensors.js';
import { dtypeOf } from './tensors.js';

type Inputs = readonly (Tensor | null)[];
type Rule = (inputs: Inputs, attributes: Readonly<Record<string, AttributeValue>>, outputs: number) => Tensor[];

const isFloat = (dtype: DType): boolean => dtype === 'float32' || dtype === 'float16';
const isWhole = (dtype: DType): boolean => dtype.startsWith('int') || dtype === 'uint8';

const rounded = (dtype: DType, value: Element): Element =>
  typeof value === 'number' && isFloat(dtype) ? Math.fround(value) : value;

const need = (inputs: Inputs, index: number): Tensor => {
  const found = inputs[index];
  if (found) return found;
  throw new Error(`input ${index} is missing`);
};

const intOf = (attributes: Readonly<Record<string, AttributeValue>>, name: string, otherwise: number): number =>
  (attributes[name] as number | undefined) ?? otherwise;

type Scalar = (a: number, b: number) => number;

/** Element by element, with broadcasting. */
const binary =
  (compute: (a: Element, b: Element, dtype: DType) => Element, result?: DType): Rule =>
  (inputs) => {
    const all = inputs.map((_, i) => need(inputs, i));
    const dtype = result ?? all[0]!.dtype;
    return [
      all.reduce((a, b) => {
        const shape = broadcastShape([a, b]);
        const data = filled(shape, (place) =>
          rounded(dtype, compute(broadcastElement(a, place), broadcastElement(b, place), a.dtype)),
        );
        return tensor(dtype, shape, data);
      }),
    ];
  };

const number = (value: Element): number => {
  if (typeof value === 'number') return value;
  throw new Error(`it computes with the batch size (${value})`);
};

const plain = (compute: Scalar): Rule => binary((a, b) => compute(number(a), number(b)));
const compared = (holds: (a: number, b: number) => boolean): Rule =>
  binary((a, b) => Number(holds(number(a), number(b))), 'bool');

const unary = (compute: (value: number) => number, result?: DType): Rule => {
  return (inputs) => {
    const x = need(inputs, 0);
    const dtype = result ?? x.dtype;
    return [
      tensor(
        dtype,
        x.shape,
        Array.from(x.data, (one) => rounded(dtype, compute(number(one)))),
      ),
    ];
  };
};

const reduction =
  (combine: Scalar, begin: number, end: (sum: number, count: number) => number = (sum) => sum): Rule =>
  (inputs, attributes) => {
    const x = need(inputs, 0);
    const given = inputs[1] ? numbers(inputs[1]) : ((attributes['axes'] as number[] | undefined) ?? []);
    if (given.length === 0 && intOf(attributes, 'noop_with_empty_axes', 0)) return [x];
    const axes = axesOf(given.length ? given : x.shape.map((_, i) => i), x.shape.length);
    const sizes = axes.map((axis) => x.shape[axis]!);
    const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const data = filled(kept, (place) => {
      let sum = begin;
      filled(sizes, (inner) => {
        const at = [...place];
        axes.forEach((axis, i) => (at[axis] = inner[i]!));
        sum = combine(sum, number(element(x, at)));
        return 0;
      });
      return rounded(x.dtype, end(sum, elementCount(sizes)));
    });
    const shape = intOf(attributes, 'keepdims', 1) ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
    return [tensor(x.dtype, shape, data)];
  };

/** @throws Error for a shape that does not take so many elements */
function reshape(x: Tensor, wanted: readonly Element[], allowZero: boolean): Tensor {
  const shape = wanted.map((dim, i) => (dim === 0 && !allowZero ? x.shape[i]! : number(dim)));
  const free = shape.indexOf(-1);
  if (free >= 0) shape[free] = x.data.length / shape.reduce((all, dim) => (dim < 0 ? all : all * dim), 1);
  if (elementCount(shape) !== x.data.length) throw new Error(`[${x.shape.join()}] does not become [${wanted.join()}]`);
  return tensor(x.dtype, shape, x.data);
}

const gather: Rule = (inputs, attributes) => {
  const [x, indices] = [need(inputs, 0), need(inputs, 1)];
  const axis = axisOf(intOf(attributes, 'axis', 0), x.shape.length);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const data = filled(shape, (place) => {
    const index = number(element(indices, place.slice(axis, axis + indices.shape.length)));
    const row = index < 0 ? index + x.shape[axis]! : index;
    if (!(row >= 0 && row < x.shape[axis]!)) throw new Error(`index ${index} is out of range`);
    return element(x, [...place.slice(0, axis), row, ...place.slice(axis + indices.shape.length)]);
  });
  return [tensor(x.dtype, shape, data)];
};

const concat: Rule = (inputs, attributes) => {
  const all = inputs.map((_, i) => need(inputs, i));
  const axis = axisOf(intOf(attributes, 'axis', 0), all[0]!.shape.length);
  const shape = all[0]!.shape.map((size, i) => (i === axis ? all.reduce((n, one) => n + one.shape[axis]!, 0) : size));
  const data = filled(shape, (place) => {
    let at = place[axis]!;
    const part = all.find((one) => at < one.shape[axis]! || ((at -= one.shape[axis]!), false))!;
    return element(part, place.with(axis, at));
  });
  return [tensor(all[0]!.dtype, shape, data)];
};

const slice: Rule = (inputs) => {
  const x = need(inputs, 0);
  const [starts, ends] = [numbers(need(inputs, 1)), numbers(need(inputs, 2))];
  const axes = axesOf(inputs[3] ? numbers(inputs[3]) : starts.map((_, i) => i), x.shape.length);
  const steps = inputs[4] ? numbers(inputs[4]) : starts.map(() => 1);
  const parts = axes.map((axis, i) => {
    const [size, step] = [x.shape[axis]!, steps[i]!];
    const clip = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + size : v, low), high);
    const first = step > 0 ? clip(starts[i]!, 0, size) : clip(starts[i]!, 0, size - 1);
    const last = step > 0 ? clip(ends[i]!, 0, size) : clip(ends[i]!, -1, size - 1);
    return { axis, first, step, count: Math.max(0, Math.ceil((last - first) / step)) };
  });
  const shape = x.shape.map((size, axis) => parts.find((part) => part.axis === axis)?.count ?? size);
  const data = filled(shape, (place) => {
    const at = [...place];
    for (const { axis, first, step } of parts) at[axis] = first + place[axis]! * step;
    return element(x, at);
  });
  return [tensor(x.dtype, shape, data)];
};

const split: Rule = (inputs, attributes, outputs) => {
  const x = need(inputs, 0);
  const axis = axisOf(intOf(attributes, 'axis', 0), x.shape.length);
  const each = Math.ceil(x.shape[axis]! / outputs);
  const sizes = inputs[1]
    ? numbers(inputs[1])
    : Array.from({ length: outputs }, (_, i) => Math.min(each, x.shape[axis]! - i * each));
  let from = 0;
  return sizes.map((size) => {
    const first = from;
    from += size;
    const shape = x.shape.with(axis, size);
    return tensor(
      x.dtype,
      shape,
      filled(shape, (place) => element(x, place.with(axis, place[axis]! + first))),
    );
  });
};

const transpose: Rule = (inputs, attributes) => {
  const x = need(inputs, 0);
  const perm = (attributes['perm'] as number[] | undefined) ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  const shape = perm.map((axis) => x.shape[axis]!);
  const data = filled(shape, (place) =>
    element(
      x,
      x.shape.map((_, axis) => place[perm.indexOf(axis)]!),
    ),
  );
  return [tensor(x.dtype, shape, data)];
};

const unsqueeze: Rule = (inputs) => {
  const [x, axes] = [need(inputs, 0), numbers(need(inputs, 1))];
  const rank = x.shape.length + axes.length;
  const at = axesOf(axes, rank);
  const rest = [...x.shape];
  return [
    tensor(
      x.dtype,
      Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : rest.shift()!)),
      x.data,
    ),
  ];
};

const squeeze: Rule = (inputs) => {
  const x = need(inputs, 0);
  const axes = inputs[1] ? axesOf(numbers(inputs[1]), x.shape.length) : undefined;
  const shape = x.shape.filter((size, i) => (axes ? !axes.includes(i) : size !== 1));
  return [tensor(x.dtype, shape, x.data)];
};

const expand: Rule = (inputs) => {
  const [x, wanted] = [need(inputs, 0), numbers(need(inputs, 1))];
  const shape = broadcastShape([x, tensor(x.dtype, wanted, [])]);
  return [
    tensor(
      x.dtype,
      shape,
      filled(shape, (place) => broadcastElement(x, place)),
    ),
  ];
};

const tile: Rule = (inputs) => {
  const [x, repeats] = [need(inputs, 0), numbers(need(inputs, 1))];
  const shape = x.shape.map((size, i) => size * repeats[i]!);
  return [
    tensor(
      x.dtype,
      shape,
      filled(shape, (place) =>
        element(
          x,
          place.map((at, i) => at % x.shape[i]!),
        ),
      ),
    ),
  ];
};

const range: Rule = (inputs) => {
  const [start, limit, delta] = inputs.map((_, i) => numbers(need(inputs, i))[0]!) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  const { dtype } = need(inputs, 0);
  return [
    tensor(
      dtype,
      [count],
      Array.from({ length: count }, (_, i) => rounded(dtype, start + i * delta)),
    ),
  ];
};

const constantOfShape: Rule = (inputs, attributes) => {
  const shape = numbers(need(inputs, 0));
  const value = (attributes['value'] as NumberTensor | undefined) ?? { dtype: 'float32', shape: [1], data: [0] };
  requireFew(elementCount(shape));
  return [tensor(value.dtype, shape, Array<number>(elementCount(shape)).fill(value.data[0]!))];
};

const where: Rule = (inputs) => {
  const [condition, a, b] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
  const shape = broadcastShape([condition, a, b]);
  const data = filled(shape, (place) => broadcastElement(number(broadcastElement(condition, place)) ? a : b, place));
  return [tensor(a.dtype, shape, data)];
};

const cast: Rule = (inputs, attributes) => {
  const x = need(inputs, 0);
  const dtype = dtypeOf(intOf(attributes, 'to', 0));
  const value = (one: Element): Element => {
    if (typeof one === 'string') return one;
    if (dtype === 'bool') return Number(one !== 0);
    return isWhole(dtype) ? Math.trunc(one) : rounded(dtype, one);
  };
  return [tensor(dtype, x.shape, Array.from(x.data, value))];
};

const cumSum: Rule = (inputs, attributes) => {
  const x = need(inputs, 0);
  const axis = axisOf(numbers(need(inputs, 1))[0]!, x.shape.length);
  const [exclusive, reverse] = [intOf(attributes, 'exclusive', 0), intOf(attributes, 'reverse', 0)];
  const data = filled(x.shape, (place) => {
    let sum = 0;
    for (let i = 0; i < x.shape[axis]!; i++) {
      const away = reverse ? i - place[axis]! : place[axis]! - i;
      if (away > 0 || (away === 0 && !exclusive)) sum += number(element(x, place.with(axis, i)));
    }
    return rounded(x.dtype, sum);
  });
  return [tensor(x.dtype, x.shape, data)];
};

const nonZero: Rule = (inputs) => {
  const x = need(inputs, 0);
  const places: number[][] = [];
  filled(x.shape, (place) => {
    if (number(element(x, place)) !== 0) places.push([...place]);
    return 0;
  });
  return [
    tensor(
      'int64',
      [x.shape.length, places.length],
      x.shape.flatMap((_, axis) => places.map((place) => place[axis]!)),
    ),
  ];
};

const scatterNd: Rule = (inputs) => {
  const [x, indices, updates] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
  const depth = indices.shape.at(-1)!;
  const inner = elementCount(x.shape.slice(depth));
  const data = Array.from(x.data);
  const rows = numbers(indices);
  for (let i = 0; i < rows.length / depth; i++) {
    const place = rows.slice(i * depth, (i + 1) * depth).map((at, axis) => (at < 0 ? at + x.shape[axis]! : at));
    const from = place.reduce((at, index, axis) => at * x.shape[axis]! + index, 0) * inner;
    for (let j = 0; j < inner; j++) data[from + j] = updates.data[i * inner + j]!;
  }
  return [tensor(x.dtype, x.shape, data)];
};

const trilu: Rule = (inputs, attributes) => {
  const x = need(inputs, 0);
  const k = inputs[1] ? numbers(inputs[1])[0]! : 0;
  const upper = intOf(attributes, 'upper', 1);
  const data = filled(x.shape, (place) => {
    const above = place.at(-1)! - place.at(-2)!;
    return (upper ? above >= k : above <= k) ? element(x, place) : 0;
  });
  return [tensor(x.dtype, x.shape, data)];
};

/** Of equal sign with the divisor, as Python has it; `fmod` of 1: with the dividend, as C has it. */
const mod: Rule = (inputs, attributes) =>
  plain((a, b) => (intOf(attributes, 'fmod', 0) ? a % b : a - b * Math.floor(a / b)))(inputs, attributes, 1);

const halfToEven = (value: number): number => {
  const near = Math.round(value);
  return Math.abs(value % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near;
};

const isSame = (a: Element, b: Element): number => Number(a === b);

/** Adding 0 is all that goes with a multiple of the batch size. */
const withZero =
  (compute: Scalar) =>
  (a: Element, b: Element): Element =>
    b === 0 && typeof a === 'string' ? a : compute(number(a), number(b));

const rules: Readonly<Record<string, Rule>> = {
  Abs: unary(Math.abs),
  Add: binary((a, b) => (a === 0 ? b : withZero((x, y) => x + y)(a, b))),
  And: compared((a, b) => !!a && !!b),
  Cast: cast,
  Ceil: unary(Math.ceil),
  Concat: concat,
  ConstantOfShape: constantOfShape,
  Cos: unary(Math.cos),
  CumSum: cumSum,
  Div: binary((a, b, dtype) => (isWhole(dtype) ? dividedBy(a, b) : number(a) / number(b))),
  Equal: binary(isSame, 'bool'),
  Exp: unary(Math.exp),
  Expand: expand,
  Floor: unary(Math.floor),
  Gather: gather,
  Greater: compared((a, b) => a > b),
  GreaterOrEqual: compared((a, b) => a >= b),
  Identity: (inputs) => [need(inputs, 0)],
  Less: compared((a, b) => a < b),
  LessOrEqual: compared((a, b) => a <= b),
  Log: unary(Math.log),
  Max: plain(Math.max),
  Min: plain(Math.min),
  Mod: mod,
  Mul: binary(times),
  Neg: unary((value) => -value),
  NonZero: nonZero,
  Not: unary((value) => Number(!value)),
  Or: compared((a, b) => !!a || !!b),
  Pow: plain(Math.pow),
  Range: range,
  Reciprocal: unary((value) => 1 / value),
  ReduceMax: reduction(Math.max, -Infinity),
  ReduceMean: reduction(
    (a, b) => a + b,
    0,
    (sum, count) => sum / count,
  ),
  ReduceMin: reduction(Math.min, Infinity),
  ReduceProd: (inputs, attributes) => {
    const x = need(inputs, 0);
    if (Array.from(x.data).every((one) => typeof one === 'number'))
      return reduction((a, b) => a * b, 1)(inputs, attributes, 1);
    return [tensor(x.dtype, intOf(attributes, 'keepdims', 1) ? [1] : [], [product(Array.from(x.data))])];
  },
  ReduceSum: reduction((a, b) => a + b, 0),
  Reshape: (inputs, attributes) => [
    reshape(need(inputs, 0), Array.from(need(inputs, 1).data), !!intOf(attributes, 'allowzero', 0)),
  ],
  Round: unary(halfToEven),
  ScatterND: scatterNd,
  Sign: unary(Math.sign),
  Sin: unary(Math.sin),
  Size: (inputs) => [tensor('int64', [], [need(inputs, 0).data.length])],
  Slice: slice,
  Split: split,
  Sqrt: unary(Math.sqrt),
  Squeeze: squeeze,
  Sub: binary(withZero((a, b) => a - b)),
  Tile: tile,
  Transpose: transpose,
  Trilu: trilu,
  Unsqueeze: unsqueeze,
  Where: where,
};

/** Whether an operator can be computed when a graph is built. */
export const evaluates = (type: string): boolean => Object.hasOwn(rules, type);

/**
 * What a node gives, where it can be computed.
 *
 * @returns undefined for an operator that has no rule here
 * @throws Error that says what does not fit
 */
export function evaluated(
  type: string,
  inputs: Inputs,
  attributes: Readonly<Record<string, AttributeValue>>,
  outputs: number,
): Tensor[] | undefined {
  return evaluates(type) ? rules[type]!(inputs, attributes, outputs) : undefined;
}
