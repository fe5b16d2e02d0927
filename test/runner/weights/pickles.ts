/** Pickles put together by hand, for what `torch.save` would not write. */

type Part = Uint8Array | string;

/** Text stands for its Latin-1 bytes. */
export const bytesOf = (...parts: Part[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part)))),
  );

/** A little-endian integer. */
export function little(value: number | bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes.slice(0, length);
}

export const int = (value: number): Uint8Array => bytesOf('J', little(value, 4));
export const long = (value: number): Uint8Array => bytesOf('\x8a\x08', little(value, 8));
export const text = (value: string): Uint8Array => {
  const bytes = new TextEncoder().encode(value);
  return bytesOf('X', little(bytes.length, 4), bytes);
};
export const tuple = (...parts: Part[]): Uint8Array => bytesOf('(', ...parts, 't');
export const list = (...parts: Part[]): Uint8Array => bytesOf('](', ...parts, 'e');
export const dict = (entries: Record<string, Part>): Uint8Array =>
  bytesOf('}(', ...Object.entries(entries).flatMap(([key, value]) => [text(key), value]), 'u');
export const global = (module: string, name: string): Uint8Array => bytesOf(`c${module}\n${name}\n`);
export const call = (callee: Part, ...args: Part[]): Uint8Array => bytesOf(callee, tuple(...args), 'R');
export const pickle = (...parts: Part[]): Uint8Array => bytesOf('\x80\x02', ...parts, '.');

export interface Storage {
  key: string;
  type?: string;
  elements: number;
  /** What only the older format has after the elements. */
  view?: Part;
}

export const storage = ({ key, type = 'FloatStorage', elements, view }: Storage): Uint8Array =>
  bytesOf(tuple(text('storage'), global('torch', type), text(key), text('cpu'), long(elements), view ?? ''), 'Q');

/** A tensor with sizes and strides of one's own choice. */
export const tensor = (from: Storage, size: number[], stride: number[], offset = 0): Uint8Array =>
  call(
    global('torch._utils', '_rebuild_tensor_v2'),
    storage(from),
    long(offset),
    tuple(...size.map(long)),
    tuple(...stride.map(long)),
    '\x89',
    call(global('collections', 'OrderedDict')),
  );

/** What a pickle that runs a program looks like. */
export const attack = pickle(call(global('os', 'system'), text('touch dws-was-hacked')));
