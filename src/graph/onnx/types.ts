/** Element types and shapes of values, and their numbers in ONNX (TensorProto.DataType). */
import { halves } from './float16.js';

export type DType = 'float32' | 'uint8' | 'int8' | 'int32' | 'int64' | 'bool' | 'float16' | 'float64';

/** Whether values of a type can have gradients. */
export const isContinuous = (dtype: DType): boolean => dtype === 'float32' || dtype === 'float16';

/** A number, or the name of a dimension that is known when the graph runs. */
export type Dim = number | string;
export type Shape = readonly Dim[];

export const dtypeCode: Record<DType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
};

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Of two numbers of elements; of 0 and another, that one. */
export const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

/** Attributes of a node by name; element types by theirs. */
export type Attributes = Record<string, number | readonly number[] | string | undefined>;

export const showShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/** Little-endian bytes of constants, as TensorProto.raw_data holds them. */
export function rawData(dtype: DType, values: ArrayLike<number>): Uint8Array {
  if (dtype === 'float32' && values instanceof Float32Array) {
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
  const typed = {
    float32: () => Float32Array.from(values),
    float64: () => Float64Array.from(values),
    uint8: () => Uint8Array.from(values),
    int8: () => Int8Array.from(values),
    bool: () => Uint8Array.from(values),
    int32: () => Int32Array.from(values),
    int64: () => BigInt64Array.from(Array.from(values, BigInt)),
    float16: () => halves(values),
  }[dtype]();
  return new Uint8Array(typed.buffer);
}
