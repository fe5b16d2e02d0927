/**
 * Messages by tables of their fields, in protobuf's wire format. The tables are read as they are: protobufjs's own way makes a
 * program of them, which pages with a Content-Security-Policy forbid.
 */
import protobuf from 'protobufjs/minimal.js';

type Scalar = 'double' | 'float' | 'int32' | 'int64' | 'string' | 'bytes';

const wireTypes: Record<Scalar, number> = { double: 1, float: 5, int32: 0, int64: 0, string: 2, bytes: 2 };
const lengthDelimited = 2;

export interface Field {
  id: number;
  /** A scalar, or another message of the tables. */
  type: string;
  repeated: boolean;
}

export const one = (id: number, type: string): Field => ({ id, type, repeated: false });
export const many = (id: number, type: string): Field => ({ id, type, repeated: true });

/** By message, then by field. */
export type Tables = Record<string, Record<string, Field>>;

type Message = Record<string, unknown>;

const isScalar = (type: string): type is Scalar => type in wireTypes;
/** Numbers: a list of them is one field with all values. */
const isPackable = (type: string): type is Scalar => isScalar(type) && wireTypes[type] !== lengthDelimited;

/** Messages within messages, at most. */
const deepest = 100;

/** Reads and writes the messages of some tables. */
export class Protobuf {
  /** Fields by message: in the order in which they are written, and by number. */
  private readonly sorted: Record<string, [name: string, field: Field][]>;
  private readonly byId: Record<string, Map<number, [name: string, field: Field]>>;

  constructor(tables: Tables) {
    const all = Object.entries(tables).map(
      ([message, fields]) => [message, Object.entries(fields).sort(([, a], [, b]) => a.id - b.id)] as const,
    );
    this.sorted = Object.fromEntries(all);
    this.byId = Object.fromEntries(
      all.map(([message, fields]) => [message, new Map(fields.map((entry) => [entry[1].id, entry]))]),
    );
  }

  /** Fields in the order of their numbers; those that are undefined or empty lists are left out. */
  encode(type: string, message: object): Uint8Array {
    const writer = protobuf.Writer.create();
    this.write(writer, type, message as Message);
    return writer.finish();
  }

  /**
   * 64-bit integers become numbers, lists that are missing empty ones; unknown fields are skipped.
   *
   * @throws Error when the bytes are no message of this form
   */
  decode(type: string, bytes: Uint8Array): object {
    const reader = protobuf.Reader.create(bytes);
    return this.read(reader, type, reader.len, 0);
  }

  private write(writer: protobuf.Writer, type: string, message: Message): void {
    for (const [name, field] of this.sorted[type]!) {
      const value = message[name];
      if (value === undefined || value === null) continue;
      if (!field.repeated) this.writeOne(writer, field, value);
      else if (isPackable(field.type)) writePacked(writer, field.id, field.type, value as number[]);
      else for (const item of value as unknown[]) this.writeOne(writer, field, item);
    }
  }

  private writeOne(writer: protobuf.Writer, { id, type }: Field, value: unknown): void {
    if (isScalar(type)) {
      writer.uint32((id << 3) | wireTypes[type])[type](value as never);
    } else {
      writer.uint32((id << 3) | lengthDelimited).fork();
      this.write(writer, type, value as Message);
      writer.ldelim();
    }
  }

  private read(reader: protobuf.Reader, type: string, end: number, depth: number): Message {
    if (depth > deepest) throw new Error('maximum nesting depth exceeded');
    const message: Message = {};
    for (const [name, { repeated }] of this.sorted[type]!) if (repeated) message[name] = [];
    while (reader.pos < end) {
      const tag = reader.uint32();
      const found = this.byId[type]!.get(tag >>> 3);
      if (found) this.readField(reader, message, found, tag & 7, depth);
      else reader.skipType(tag & 7);
    }
    if (reader.pos !== end) throw new RangeError('index out of range');
    return message;
  }

  private readField(
    reader: protobuf.Reader,
    message: Message,
    [name, { type, repeated }]: [string, Field],
    wireType: number,
    depth: number,
  ): void {
    if (!repeated) {
      message[name] = this.readOne(reader, type, depth);
      return;
    }
    const list = message[name] as unknown[];
    if (wireType !== lengthDelimited || !isPackable(type)) {
      list.push(this.readOne(reader, type, depth));
      return;
    }
    const end = endOf(reader);
    while (reader.pos < end) list.push(this.readOne(reader, type, depth));
    if (reader.pos !== end) throw new RangeError('index out of range');
  }

  private readOne(reader: protobuf.Reader, type: string, depth: number): unknown {
    if (!isScalar(type)) return this.read(reader, type, endOf(reader), depth + 1);
    const value: unknown = reader[type]();
    return type === 'int64' ? Number(value) : value;
  }
}

function writePacked(writer: protobuf.Writer, id: number, type: Scalar, values: readonly number[]): void {
  if (values.length === 0) return;
  writer.uint32((id << 3) | lengthDelimited).fork();
  for (const value of values) writer[type](value as never);
  writer.ldelim();
}

/** Where what follows a length ends. @throws RangeError when that is behind the bytes */
function endOf(reader: protobuf.Reader): number {
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new RangeError('index out of range');
  return end;
}
