/** Images mirrored left to right, in place: four pixels at a time, which are three words of 32 bits, where rows are made of such. */
import { endianness } from 'node:os';

const channels = 3;
const wordBytes = 4;
const isLittle = endianness() === 'LE';

function mirrorBytes(pixels: Uint8Array, size: number): void {
  for (let row = 0; row < size; row++) {
    let left = row * size * channels;
    let right = left + (size - 1) * channels;
    for (; left < right; left += channels, right -= channels) {
      for (let channel = 0; channel < channels; channel++) {
        const value = pixels[left + channel]!;
        pixels[left + channel] = pixels[right + channel]!;
        pixels[right + channel] = value;
      }
    }
  }
}

/** Writes the four pixels of three words in reverse: bytes 0 to 11 as 9 10 11 6 7 8 3 4 5 0 1 2. Signed, so that V8 needs no objects for them. */
function writeReversed(words: Int32Array, at: number, a: number, b: number, c: number): void {
  words[at] = (c >>> 8) | (((b >>> 16) & 0xff) << 24);
  words[at + 1] = (b >>> 24) | ((c & 0xff) << 8) | ((a >>> 24) << 16) | ((b & 0xff) << 24);
  words[at + 2] = ((b >>> 8) & 0xff) | (a << 8);
}

function mirrorWords(words: Int32Array, size: number): void {
  const row = (size * channels) / wordBytes;
  for (let start = 0; start < row * size; start += row) {
    let left = start;
    let right = start + row - channels;
    for (; left <= right; left += channels, right -= channels) {
      const [a, b, c] = [words[left]!, words[left + 1]!, words[left + 2]!];
      writeReversed(words, left, words[right]!, words[right + 1]!, words[right + 2]!);
      writeReversed(words, right, a, b, c);
    }
  }
}

/** Mirrors an image [size, size, 3] left to right, in place. */
export function flipHorizontally(pixels: Uint8Array, size: number): void {
  const isWords = isLittle && size % wordBytes === 0 && pixels.byteOffset % wordBytes === 0;
  if (!isWords) return mirrorBytes(pixels, size);
  const { buffer, byteOffset } = pixels;
  mirrorWords(new Int32Array(buffer, byteOffset, (size * size * channels) / wordBytes), size);
}
