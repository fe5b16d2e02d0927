/** Tensors that a file holds, as numbers. */
import { elementCount } from '../onnx/types.js';
import type { DType, Dim } from '../onnx/types.js';
import { dtypeCode } from '../onnx/types.js';
import type { TensorProto } from '../onnx/schema.js';

/** A number, or a text that stands for a multiple of the batch size, which is known when the graph runs; see `batch-sizes.ts`. */
export type Element = Dim;

/** Values that are known when the graph is built, row-major. Booleans are 0 and 1. */
export interface Tensor {
  dtype: DType;
  shape: readonly number[];
  data: ArrayLike<Element>;
}

/** A tensor without anything that depends on the batch size. */
export interface NumberTensor extends Tensor {
  data: ArrayLike<number>;
}

const dtypes = new Map(Object.entries(dtypeCode).map(([name, code]) => [code, name as DType]));

/** ONNX's names of element types that nothing here computes in, by their number. */
const otherTypes: Record<number, string> = {
  4: 'uint16',
  5: 'int16',
  8: 'string',
  12: 'uint32',
  13: 'uint64',
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
};

/** @throws Error for an element type that nothing here computes in */
export function dtypeOf(code: number): DType {
  const dtype = dtypes.get(code);
  if (dtype) return dtype;
  throw new Error(`element type ${otherTypes[code] ?? `number ${code}`} is not supported`);
}

const bytesOf: Record<DType, number> = {
  ...{ float32: 4, uint8: 1, int8: 1, int32: 4, int64: 8, bool: 1, float16: 2, float64: 8 },
};

/** IEEE 754 binary16 by its bits. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Exporters write the largest number of 64 bits for an end that is as far as there is: so is the largest that is exact here. */
const exactly = (value: number): number => Math.max(Number.MIN_SAFE_INTEGER, Math.min(value, Number.MAX_SAFE_INTEGER));

/** Little-endian values, wherever they lie in their buffer. */
const fromBytes: Record<DType, (bytes: ArrayBuffer) => ArrayLike<number>> = {
  float32: (bytes) => new Float32Array(bytes),
  float64: (bytes) => new Float64Array(bytes),
  uint8: (bytes) => new Uint8Array(bytes),
  int8: (bytes) => new Int8Array(bytes),
  bool: (bytes) => new Uint8Array(bytes),
  int32: (bytes) => new Int32Array(bytes),
  int64: (bytes) => Array.from(new BigInt64Array(bytes), (value) => exactly(Number(value))),
  float16: (bytes) => Array.from(new Uint16Array(bytes), fromHalf),
};

function listed(dtype: DType, proto: TensorProto): ArrayLike<number> {
  if (dtype === 'float32') return Float32Array.from(proto.floatData ?? []);
  if (dtype === 'float64') return proto.doubleData ?? [];
  if (dtype === 'int64') return (proto.int64Data ?? []).map(exactly);
  const ints = proto.int32Data ?? [];
  return dtype === 'float16' ? ints.map(fromHalf) : ints;
}

/** Bytes that a tensor takes. @throws Error for an element type that nothing here computes in */
export const sizeOf = ({ dims, dataType }: TensorProto): number => elementCount(dims) * bytesOf[dtypeOf(dataType)];

/** Reads what a tensor keeps in another file. @throws Error when it can't */
export type ExternalBytes = (tensor: TensorProto) => Uint8Array;

/**
 * @throws Error naming what does not fit: an element type, a shape that is none, or other numbers of elements
 */
export function readTensor(proto: TensorProto, external: ExternalBytes): NumberTensor {
  const dtype = dtypeOf(proto.dataType);
  const shape = proto.dims ?? [];
  const count = elementCount(shape);
  if (!shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0) || !Number.isSafeInteger(count))
    throw new Error(`its shape [${shape.join(', ')}] is none`);
  const size = count * bytesOf[dtype];
  const raw = proto.dataLocation === 1 ? external(proto) : proto.rawData;
  if (!raw?.length) {
    const data = listed(dtype, proto);
    if (data.length === count) return { dtype, shape, data };
    throw new Error(`its shape [${shape.join(', ')}] wants ${count} elements, and it has ${data.length}`);
  }
  if (raw.length !== size)
    throw new Error(`its shape [${shape.join(', ')}] of ${dtype} wants ${size} bytes, and it has ${raw.length}`);
  const copy = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength) as ArrayBuffer;
  return { dtype, shape, data: fromBytes[dtype](copy) };
}
