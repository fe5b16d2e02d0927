/**
 * Protobuf's wire format, walked in the file: a field's content stays on the disk until somebody asks for it.
 * https://protobuf.dev/programming-guides/encoding/
 */
import type { UserError } from '../base/errors.js';
import type { RandomFile } from '../onnx-files/random-file.js';

/** A field of a message. */
export interface WireField {
  id: number;
  /** Of a number; 64-bit two's complement, rounded above 2^53. NaN for other fields. */
  value: number;
  /** The range of the content in the file. */
  start: number;
  end: number;
}

const WINDOW_BYTES = 16 * 2 ** 10;
/** Ten groups of 7 bits hold 64. */
const LONGEST_VARINT = 10;
/** The largest exported models have some 100,000. Four of them describe a tensor, which takes a KB. */
const MAX_FIELDS = 400_000;
const VARINT = 0;
const LENGTH_DELIMITED = 2;
/** Bytes of the types with a fixed size. */
const FIXED: Record<number, number> = { 1: 8, 5: 4 };

export class WireReader {
  private window = new Uint8Array(0);
  private windowStart = 0;
  private fieldCount = 0;

  /** @param fail the error for a damaged file */
  constructor(
    private readonly file: RandomFile,
    private readonly fail: (what: string) => UserError,
  ) {}

  /**
   * The fields of the message in [start, end), in order.
   *
   * @throws UserError when the range holds no message, or when more fields are visited in this file than any model has
   */
  async *fields(start: number, end: number): AsyncGenerator<WireField> {
    for (let position = start; position < end;) {
      if (++this.fieldCount > MAX_FIELDS) throw this.fail(`it has more than ${MAX_FIELDS} fields`);
      const tag = await this.varint(position, end);
      const type = Number(tag.value & 7n);
      const id = Number(tag.value >> 3n);
      let content = { start: tag.end, end: tag.end + (FIXED[type] ?? 0) };
      let value = NaN;
      if (type === VARINT || type === LENGTH_DELIMITED) {
        const number = await this.varint(tag.end, end);
        const length = Number(number.value);
        value = type === VARINT ? Number(BigInt.asIntN(64, number.value)) : NaN;
        content =
          type === VARINT ? { start: tag.end, end: number.end } : { start: number.end, end: number.end + length };
      } else if (FIXED[type] === undefined) {
        throw this.fail(`byte ${position} begins no field`);
      }
      if (content.end > end) throw this.fail(`the field at byte ${position} does not end within its message`);
      yield { id, value, ...content };
      position = content.end;
    }
  }

  /** The numbers of a packed field, at most `most` of them. */
  async packed({ start, end }: WireField, most: number): Promise<number[]> {
    const numbers: number[] = [];
    for (let position = start; position < end;) {
      const number = await this.varint(position, end);
      numbers.push(Number(BigInt.asIntN(64, number.value)));
      position = number.end;
      if (numbers.length > most) throw this.fail(`the list at byte ${start} has more than ${most} numbers`);
    }
    return numbers;
  }

  /** The text of a field, at most `most` bytes of it. */
  async text({ start, end }: WireField, most: number): Promise<string> {
    if (end - start > most) throw this.fail(`the text at byte ${start} takes ${end - start} bytes`);
    const bytes = new Uint8Array(end - start);
    await this.file.read(bytes, start);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.fail(`the text at byte ${start} is not UTF-8`);
    }
  }

  private async varint(position: number, end: number): Promise<{ value: bigint; end: number }> {
    await this.load(position, Math.min(end, position + LONGEST_VARINT));
    let value = 0n;
    for (let i = 0; i < LONGEST_VARINT && position + i < end; i++) {
      const byte = this.window[position + i - this.windowStart]!;
      value |= BigInt(byte & 127) << BigInt(7 * i);
      if (byte < 128) return { value: BigInt.asUintN(64, value), end: position + i + 1 };
    }
    throw this.fail(`the number at byte ${position} does not end`);
  }

  /** Makes the window cover [start, end). */
  private async load(start: number, end: number): Promise<void> {
    if (start >= this.windowStart && end <= this.windowStart + this.window.length) return;
    const window = new Uint8Array(Math.min(WINDOW_BYTES, this.file.size - start));
    await this.file.read(window, start);
    this.window = window;
    this.windowStart = start;
  }
}
