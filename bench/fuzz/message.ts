/** Changes of protobuf messages that leave the lengths around them right. */
import type { Mutation } from './mutate.js';
import { mutate, pick } from './mutate.js';

interface Field {
  /** The tag. */
  id: number;
  type: number;
  /** Content, or the number's bytes. */
  content: Uint8Array;
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

const sizes: Record<number, number> = { 1: 8, 5: 4 };

/** The fields of a message; undefined where the bytes are none. */
function parse(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let position = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 1; position < bytes.length; shift *= 128) {
      const byte = bytes[position++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
    return NaN;
  };
  while (position < bytes.length) {
    const tag = number();
    const [id, type] = [Math.floor(tag / 8), tag % 8];
    const start = position;
    const value = type === 0 || type === 2 ? number() : 0;
    const begin = type === 0 ? start : position;
    const end = type === 0 ? position : begin + (type === 2 ? value : (sizes[type] ?? NaN));
    if (!(id > 0 && end <= bytes.length)) return undefined;
    fields.push({ id, type, content: bytes.subarray(begin, end) });
    position = end;
  }
  return fields;
}

const encode = (fields: readonly Field[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(
      fields.flatMap(({ id, type, content }) => [
        varint(BigInt(id * 8 + type)),
        ...(type === 2 ? [varint(BigInt(content.length))] : []),
        content,
      ]),
    ),
  );

const numbers = [0n, 1n, 7n, 10n, 11n, 16n, 17n, -1n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n];

/** Changes a field somewhere in the tree of messages. */
export const mutateMessage: Mutation = (bytes, material) => {
  const { random } = material;
  const fields = parse(bytes);
  if (fields === undefined || fields.length === 0 || random.int(8) === 0) return mutate(bytes, material);
  const at = random.int(fields.length);
  const field = fields[at]!;
  const inner = field.type === 2 ? mutateMessage(field.content, material) : varint(pick(random, numbers));
  const changed = field.type === 0 || field.type === 2 ? { ...field, content: inner } : field;
  const replaced: readonly (readonly Field[])[] = [
    ...[[changed], [changed], [changed], [changed]],
    ...[[], [field, field], [field, changed], [{ ...field, id: 1 + random.int(16) }], [field, pick(random, fields)]],
  ];
  return encode(fields.toSpliced(at, 1, ...pick(random, replaced)));
};
