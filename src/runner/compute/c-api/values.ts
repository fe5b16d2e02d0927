/** Tensors of Node.js as values of the C API, and back. */
import koffi from 'koffi';
import type { PlainTensor } from '../engine.js';
import type { Pointer } from './functions.js';
import { filled } from './functions.js';
import type { Library } from './library.js';

export type TypedArray = PlainTensor['data'];

/** ONNX's number of each element type, and the arrays that hold it. */
const types = [
  [1, Float32Array],
  [2, Uint8Array],
  [6, Int32Array],
  [11, Float64Array],
] as const satisfies readonly [number, new (bytes: ArrayBuffer) => TypedArray][];

export const numberOf = (data: TypedArray): number => types.find(([, array]) => data instanceof array)![0];

export const [float32, uint8] = [1, 2];

/** A value whose elements are an array's: it has to be kept, and the value released, by whoever asks for it. */
export function borrowed({ api, memory }: Library, { data, dims }: PlainTensor): Pointer {
  const shape = BigInt64Array.from(dims, BigInt);
  // Of an array of 64 bytes or less, V8 keeps the elements where they may move, until its buffer has been asked for.
  void data.buffer;
  return filled(api.CreateTensorWithDataAsOrtValue, memory, data, data.byteLength, shape, dims.length, numberOf(data));
}

/** What is in a value of the host's memory. */
export function copied({ api }: Library, value: Pointer): PlainTensor {
  const info = filled(api.GetTensorTypeAndShape, value);
  try {
    const type = filled<number>(api.GetTensorElementType, info);
    const shape = new BigInt64Array(Number(filled<number>(api.GetDimensionsCount, info)));
    api.GetDimensions(info, shape, shape.length);
    const dims = Array.from(shape, Number);
    const array = types.find(([number]) => number === type)?.[1];
    if (!array) throw new Error(`an output is of ONNX's type ${type}, which is not read`);
    const bytes = array.BYTES_PER_ELEMENT * dims.reduce((product, dim) => product * dim, 1);
    if (bytes === 0) return { data: new array(new ArrayBuffer(0)), dims };
    const data = koffi.decode(filled(api.GetTensorMutableData, value), 'uint8_t', bytes) as Uint8Array<ArrayBuffer>;
    return { data: new array(data.buffer), dims };
  } finally {
    api.ReleaseTensorTypeAndShapeInfo(info);
  }
}
