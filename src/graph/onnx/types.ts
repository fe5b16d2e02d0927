/** Element types and shapes of values, and their numbers in ONNX (TensorProto.DataType). */

export type DType = 'float32' | 'uint8' | 'int8' | 'int32' | 'int64' | 'bool' | 'float16';

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
};

export const showShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/** Little-endian bytes of constants, as TensorProto.raw_data holds them. */
export function rawData(dtype: DType, values: ArrayLike<number>): Uint8Array {
  if (dtype === 'float32' && values instanceof Float32Array) {
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
  const typed = {
    float32: () => Float32Array.from(values),
    uint8: () => Uint8Array.from(values),
    int8: () => Int8Array.from(values),
    bool: () => Uint8Array.from(values),
    int32: () => Int32Array.from(values),
    int64: () => BigInt64Array.from(Array.from(values, BigInt)),
    float16: (): never => {
      throw new Error('float16 constants are written by their bits, not by their values');
    },
  }[dtype]();
  return new Uint8Array(typed.buffer);
}
