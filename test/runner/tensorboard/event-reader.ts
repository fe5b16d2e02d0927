/**
 * Reads event files knowing nothing of how they are written: checksums bit by bit from the polynomial, messages as wire format
 * by the field numbers of event.proto, summary.proto and histogram.proto.
 */
import protobuf from 'protobufjs/minimal.js';

/** CRC-32C by its definition: the reflected polynomial 0x82F63B78. */
function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** Undoes the mask of a stored checksum. */
function unmasked(stored: number): number {
  const rotated = (stored - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

/** @throws Error for a record that is cut short or has another checksum */
export function readRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    if (unmasked(file.readUInt32LE(at + 8)) !== crc32c(file.subarray(at, at + 8))) throw new Error(`length at ${at}`);
    const data = file.subarray(at + 12, at + 12 + length);
    if (unmasked(file.readUInt32LE(at + 12 + length)) !== crc32c(data)) throw new Error(`data at ${at}`);
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** Field number -> values as they lie in the message. */
type Fields = Map<number, (number | Uint8Array)[]>;

function fieldsOf(message: Uint8Array): Fields {
  const reader = protobuf.Reader.create(message);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const read = {
      0: () => Number(reader.int64()),
      1: () => reader.double(),
      2: () => reader.bytes(),
      5: () => reader.float(),
    };
    const value = read[(tag & 7) as 0 | 1 | 2 | 5]();
    fields.set(tag >>> 3, [...(fields.get(tag >>> 3) ?? []), value]);
  }
  return fields;
}

const first = <T extends number | Uint8Array>(fields: Fields, id: number) => fields.get(id)?.[0] as T | undefined;
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();
const doubles = (bytes: Uint8Array) => {
  const buffer = Buffer.from(bytes);
  return Array.from({ length: buffer.length / 8 }, (_, i) => buffer.readDoubleLE(8 * i));
};

export interface ReadEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  /** 1 for the start of a session. */
  session?: number;
  values: Record<
    string,
    | number
    | { width: number; height: number; png: Uint8Array }
    | { min: number; max: number; num: number; limits: number[]; counts: number[] }
  >;
}

function valueOf(fields: Fields): ReadEvent['values'][string] {
  const [image, histogram] = [first<Uint8Array>(fields, 4), first<Uint8Array>(fields, 5)];
  if (image) {
    const part = fieldsOf(image);
    return { height: first<number>(part, 1)!, width: first<number>(part, 2)!, png: first<Uint8Array>(part, 4)! };
  }
  if (!histogram) return first<number>(fields, 2) ?? 0;
  const part = fieldsOf(histogram);
  const number = (id: number) => first<number>(part, id) ?? 0;
  return {
    ...{ min: number(1), max: number(2), num: number(3) },
    ...{ limits: doubles(first<Uint8Array>(part, 6)!), counts: doubles(first<Uint8Array>(part, 7)!) },
  };
}

export function readEvents(file: Buffer): ReadEvent[] {
  return readRecords(file).map((record) => {
    const event = fieldsOf(record);
    const [summary, session] = [first<Uint8Array>(event, 5), first<Uint8Array>(event, 7)];
    const values = (summary ? (fieldsOf(summary).get(1) ?? []) : []).map((value) => fieldsOf(value as Uint8Array));
    return {
      wallTime: first<number>(event, 1)!,
      step: first<number>(event, 2) ?? 0,
      fileVersion: text(first<Uint8Array>(event, 3)),
      session: session && first<number>(fieldsOf(session), 1),
      values: Object.fromEntries(values.map((value) => [text(first<Uint8Array>(value, 1))!, valueOf(value)])),
    };
  });
}
