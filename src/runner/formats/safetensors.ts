/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header (tensor name -> dtype, shape and byte
 * range; `__metadata__` maps strings to strings) and the tensors' bytes without gaps.
 * https://github.com/huggingface/safetensors#format
 *
 * Tensors keep the order in which they are given, and the header is padded with spaces to a multiple of 8, so that
 * equal content gives equal bytes and float32 data can be viewed in place.
 */
import { UserError } from '../base/errors.js';
import { printable, printableJson } from '../base/printable.js';
import { countOf, isSize } from '../base/sizes.js';

/** Bits an element. */
const DTYPE_BITS = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
} as const;

export type SafetensorsDtype = keyof typeof DTYPE_BITS;

export interface SafetensorsTensor {
  name: string;
  dtype: SafetensorsDtype;
  /** Row-major; [] for a scalar. */
  shape: number[];
  /** Little-endian elements. */
  data: Uint8Array;
}

export interface Safetensors {
  metadata: Record<string, string>;
  /** In the order of their bytes. */
  tensors: SafetensorsTensor[];
  /** Everything after the header: the tensors' bytes, one after the other. */
  data: Uint8Array;
}

/** Bytes of the header's length, with which a file begins. */
export const SAFETENSORS_LENGTH_BYTES = 8;
/**
 * Against headers that are not headers, and those whose values take 26 times their bytes. The largest backbone's checkpoint has one of
 * 0.3 MB. (The reference implementation's bound is 100 MB.)
 */
const MAX_HEADER_BYTES = 2 ** 22;
const SPACE = 0x20;

const byteSize = (dtype: SafetensorsDtype, shape: readonly number[]): number =>
  (countOf(shape) * DTYPE_BITS[dtype]) / 8;

/** A float32 tensor's bytes, not copied. */
export const float32Bytes = (data: Float32Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Float32 values of bytes: a view where they are aligned to 4, else a copy. */
export function float32View(bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}

/**
 * Encodes a file as chunks to be written one after the other; the tensors' bytes are passed through, not copied.
 *
 * @throws Error when names repeat, or a shape and dtype do not give the number of bytes
 */
export function encodeSafetensors(
  tensors: readonly SafetensorsTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const entries: string[] = [];
  const names = new Set<string>(['__metadata__']);
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let offset = 0;
  for (const { name, dtype, shape, data } of tensors) {
    if (names.has(name)) throw new Error(`safetensors: the name ${name} is used twice`);
    names.add(name);
    const size = byteSize(dtype, shape);
    if (size !== data.byteLength) {
      throw new Error(`safetensors: ${name} ${dtype} [${shape}] takes ${size} bytes, got ${data.byteLength}`);
    }
    const range = [offset, (offset += size)];
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: range })}`);
  }
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(SAFETENSORS_LENGTH_BYTES + length).fill(SPACE);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, SAFETENSORS_LENGTH_BYTES);
  return [head, ...tensors.map(({ data }) => data)];
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const isObject = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseJson(bytes: Uint8Array, fail: (what: string) => UserError): Record<string, Json> {
  const text = (() => {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw fail('its header is not UTF-8 text');
    }
  })();
  try {
    const header: unknown = JSON.parse(text);
    if (isObject(header)) return header;
  } catch {
    // Reported below, as a header that parses to something else is.
  }
  throw fail('its header is not a JSON object');
}

function parseMetadata(value: Json | undefined, fail: (what: string) => UserError): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value) || !Object.values(value).every((entry) => typeof entry === 'string')) {
    throw fail('its __metadata__ does not map strings to strings');
  }
  return value as Record<string, string>;
}

/** A tensor's place in the file. */
export interface SafetensorsEntry extends Omit<SafetensorsTensor, 'data'> {
  /** Its range among the bytes after the header. */
  begin: number;
  end: number;
}

function parseTensor(name: string, value: Json, fail: (what: string) => UserError): SafetensorsEntry {
  const title = `tensor ${printable(name)}`;
  const { dtype, shape, data_offsets: range } = isObject(value) ? value : {};
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BITS, dtype)) {
    throw fail(`${title} has the unknown dtype ${printableJson(dtype)}`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw fail(`${title} has the bad shape ${printableJson(shape)}`);
  }
  const [begin, end] = Array.isArray(range) && range.length === 2 ? range : [];
  if (!isSize(begin) || !isSize(end)) throw fail(`${title} has the bad data_offsets ${printableJson(range)}`);
  const size = byteSize(dtype as SafetensorsDtype, shape);
  if (end - begin !== size) {
    const claim = `${dtype} ${printableJson(shape)} takes ${size} bytes`;
    throw fail(`${title} ${claim}, but its data_offsets hold ${end - begin}`);
  }
  return { name, dtype: dtype as SafetensorsDtype, shape, begin, end };
}

const failure =
  (source: string) =>
  (what: string): UserError =>
    new UserError(`${source} is damaged or no safetensors file: ${what}. Take another copy of the file.`);

/**
 * Where a file's tensors begin, from its first 8 bytes (fewer are an error).
 *
 * @param fileBytes the file's size
 * @param source the file's name, for the error
 * @throws UserError when the header is not within the file, or too long to be one
 */
export function safetensorsDataStart(start: Uint8Array, fileBytes: number, source: string): number {
  const fail = failure(source);
  if (fileBytes < SAFETENSORS_LENGTH_BYTES) throw fail(`it has only ${fileBytes} bytes`);
  const length = new DataView(start.buffer, start.byteOffset, start.byteLength).getBigUint64(0, true);
  if (length > BigInt(fileBytes - SAFETENSORS_LENGTH_BYTES)) {
    throw fail(`its header should take ${length} bytes, the whole file has ${fileBytes}`);
  }
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw fail(`its header takes ${length} bytes, ${MAX_HEADER_BYTES} is the limit`);
  }
  return SAFETENSORS_LENGTH_BYTES + Number(length);
}

export interface SafetensorsHeader {
  metadata: Record<string, string>;
  /** In the order of their bytes. */
  entries: SafetensorsEntry[];
}

/**
 * Decodes a header strictly: every dtype and shape consistent with its bytes, and the tensors covering the data without
 * gaps or overlaps.
 *
 * @param json the header's bytes, after its length
 * @param dataBytes bytes of the file after the header
 * @param source the file's name, for the error
 * @throws UserError naming the file and what is wrong
 */
export function decodeSafetensorsHeader(json: Uint8Array, dataBytes: number, source: string): SafetensorsHeader {
  const fail = failure(source);
  const { __metadata__: metadata, ...header } = parseJson(json, fail);
  // Empty tensors share their offset with their neighbor: their end decides which comes first.
  const entries = Object.entries(header)
    .map(([name, value]) => parseTensor(name, value, fail))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position) {
      throw fail(`tensor ${printable(name)} begins at byte ${begin} of the data instead of ${position}`);
    }
    position = end;
  }
  if (position !== dataBytes) throw fail(`its tensors take ${position} bytes, but it holds ${dataBytes}`);
  return { metadata: parseMetadata(metadata, fail), entries };
}

/**
 * Decodes a whole file. The tensors are views of `bytes`.
 *
 * @param source the file's name, for the error
 * @throws UserError naming the file and what is wrong
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): Safetensors {
  const dataStart = safetensorsDataStart(bytes, bytes.length, source);
  const data = bytes.subarray(dataStart);
  const json = bytes.subarray(SAFETENSORS_LENGTH_BYTES, dataStart);
  const { metadata, entries } = decodeSafetensorsHeader(json, data.length, source);
  return {
    metadata,
    tensors: entries.map(({ name, dtype, shape, begin, end }) => ({
      name,
      dtype,
      shape,
      data: data.subarray(begin, end),
    })),
    data,
  };
}
