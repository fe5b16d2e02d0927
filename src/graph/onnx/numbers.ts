/** Which numbers a constant may hold. */
import type { DType } from './types.js';
import { dtypeCode, elementCount, showShape } from './types.js';

interface Numbers {
  holds: (value: unknown) => boolean;
  /** Completes "give ...". */
  wanted: string;
}

const whole = (min: number, max: number, text = `from ${min} to ${max}`): Numbers => ({
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  wanted: `whole numbers ${text}`,
});
const finite: Numbers = {
  holds: (value) => typeof value === 'number' && Number.isFinite(Math.fround(value)),
  wanted: 'finite numbers that float32 holds; where a mask wants an infinite one, a large one such as 1e30 does',
};

const double: Numbers = { holds: Number.isFinite, wanted: 'finite numbers' };

const numbers: Record<DType, Numbers> = {
  float32: finite,
  float16: finite,
  float64: double,
  uint8: whole(0, 2 ** 8 - 1),
  int8: whole(-(2 ** 7), 2 ** 7 - 1),
  int32: whole(-(2 ** 31), 2 ** 31 - 1),
  int64: whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'that JavaScript holds exactly'),
  bool: { holds: (value) => value === 0 || value === 1 || typeof value === 'boolean', wanted: '0 or 1' },
};

/**
 * A number that is none becomes NaN or 0 in an array of bytes, and a training of it would be another one.
 *
 * @throws Error naming the element type that there is not, the dimension or the first number that the type does not hold, or values
 *   that do not fill the shape
 */
export function requireConstant(dtype: DType, shape: readonly number[], values: ArrayLike<number>): void {
  if (!Object.hasOwn(dtypeCode, dtype))
    throw new Error(`there is no element type ${String(dtype)}; there are: ${Object.keys(dtypeCode).join(', ')}`);
  if (!Array.isArray(shape) || !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0))
    throw new Error(`a constant has the shape ${JSON.stringify(shape)}: give a list of whole numbers, [] for a scalar`);
  const count = (values as ArrayLike<number> | undefined)?.length;
  if (count === undefined) throw new Error(`the values of a constant are ${String(values)}: give a list of numbers`);
  if (elementCount(shape) !== count)
    throw new Error(`${count} values do not fill a constant of shape ${showShape(shape)}`);
  const { holds, wanted } = numbers[dtype];
  for (let i = 0; i < count; i++) {
    const value: unknown = values[i];
    if (holds(value)) continue;
    const misspelt = value === undefined ? ', a name that is misspelt?' : '';
    throw new Error(`a constant of ${dtype} is ${String(value)}${misspelt}: give ${wanted}`);
  }
}
