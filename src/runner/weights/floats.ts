/** Little-endian elements of any float type to float32, on little-endian hosts (all that ONNX Runtime runs on). */
import { UserError } from '../base/errors.js';
import type { ByteStream } from '../onnx-files/random-file.js';

/** 2^(e - 25): what the 11-bit significand of a normal half with exponent field e is multiplied by. */
const HALF_SCALES = Float32Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 25));

/** A half from its bits (IEEE 754 binary16); exact. */
export function halfToFloat(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * HALF_SCALES[exponent]!);
}

function widenHalf(from: Uint16Array, to: Float32Array): void {
  for (let i = 0; i < from.length; i++) to[i] = halfToFloat(from[i]!);
}

/** A bfloat16 is the upper half of a float32. */
function widenBfloat16(from: Uint16Array, to: Float32Array): void {
  const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
  for (let i = 0; i < from.length; i++) bits[i] = from[i]! << 16;
}

/** Named as in safetensors. */
export type FloatType = 'F32' | 'F16' | 'BF16' | 'F64';

interface FloatFormat {
  /** An element. */
  bytes: number;
  /** A buffer of elements to float32; without it, they are float32. */
  convert?: (from: ArrayBuffer, to: Float32Array) => void;
}

const FORMATS: Record<FloatType, FloatFormat> = {
  F32: { bytes: 4 },
  F16: { bytes: 2, convert: (from, to) => widenHalf(new Uint16Array(from), to) },
  BF16: { bytes: 2, convert: (from, to) => widenBfloat16(new Uint16Array(from), to) },
  // Stores to a Float32Array round to nearest, as PyTorch's float() does.
  F64: { bytes: 8, convert: (from, to) => to.set(new Float64Array(from)) },
};

export const floatBytes = (type: FloatType): number => FORMATS[type].bytes;

/**
 * Memory for so many values.
 *
 * @throws UserError when there is not enough
 */
export function allocateFloats(count: number, source: string): Float32Array {
  try {
    return new Float32Array(count);
  } catch (error) {
    throw new UserError(`${source} takes ${4 * count} bytes, more than this machine has free. Use a smaller model.`, {
      cause: error,
    });
  }
}

/** Elements that are converted at a time. */
const CHUNK = 2 ** 17;

/**
 * Reads `count` elements: float32 straight into the result, other types in chunks of at most 1 MiB, so that the result
 * is all the memory it takes.
 *
 * @param source the file's name, for the error
 * @throws UserError when the stream ends early or the memory is full
 */
export async function readFloats(
  type: FloatType,
  count: number,
  stream: ByteStream,
  source: string,
): Promise<Float32Array> {
  const values = allocateFloats(count, source);
  const format = FORMATS[type];
  if (format.convert === undefined) {
    await stream.fill(new Uint8Array(values.buffer));
    return values;
  }
  for (let done = 0; done < count; done += CHUNK) {
    const target = values.subarray(done, done + CHUNK);
    const buffer = new ArrayBuffer(target.length * format.bytes);
    await stream.fill(new Uint8Array(buffer));
    format.convert(buffer, target);
  }
  return values;
}
