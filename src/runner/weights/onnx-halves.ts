import { UserError } from '../base/errors.js';
import type { ByteStream, RandomFile } from '../onnx-files/random-file.js';

const CHUNK_BYTES = 64 * 2 ** 10;
/** Three groups of 7 bits hold 16. */
const LAST_SHIFT = 14;

/**
 * ONNX keeps the bits of a half or bfloat16 in `int32_data`, as varints. Gives them out as two bytes each.
 *
 * @param range the varints' bytes in the file
 * @param source the tensor, for the error
 */
export function varintHalves(file: RandomFile, range: { start: number; end: number }, source: string): ByteStream {
  const broken = (): UserError =>
    new UserError(`${source} holds numbers that are no halves. Take another copy of the file.`);
  let chunk = new Uint8Array(0);
  let used = 0;
  let position = range.start;

  async function load(): Promise<void> {
    if (position === range.end) throw broken();
    chunk = new Uint8Array(Math.min(CHUNK_BYTES, range.end - position));
    await file.read(chunk, position);
    position += chunk.length;
    used = 0;
  }

  return {
    fill: async (target) => {
      const halves = new Uint16Array(target.buffer, target.byteOffset, target.length / 2);
      for (let i = 0, bits = 0, shift = 0; i < halves.length;) {
        if (used === chunk.length) await load();
        const byte = chunk[used++]!;
        bits |= (byte & 127) << shift;
        shift += 7;
        if (byte < 128) {
          if (bits > 0xffff) throw broken();
          halves[i++] = bits;
          bits = shift = 0;
        } else if (shift > LAST_SHIFT) {
          throw broken();
        }
      }
    },
    close: () => undefined,
  };
}
