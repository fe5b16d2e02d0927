/** IEEE 754 binary16, as little-endian bytes. */

/** The bits of a float32, and back. */
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The nearest half of a number, by its bits; of two that are as near, the even one. Beyond 65504, infinity. */
export function halfBits(value: number): number {
  float[0] = value;
  const word = bits[0]!;
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  // Below 2^-14 halves are multiples of 2^-24; adding 0.5, whose last place is worth as much, rounds to them.
  if (magnitude < 0x3880_0000) {
    bits[0] = magnitude;
    float[0]! += 0.5;
    return sign | (bits[0]! - 0x3f00_0000);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x3800_0000;
  return sign | Math.min(rounded >>> 13, 0x7c00);
}

export function halves(values: ArrayLike<number>): Uint8Array {
  const result = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) result[i] = halfBits(values[i]!);
  return new Uint8Array(result.buffer);
}
