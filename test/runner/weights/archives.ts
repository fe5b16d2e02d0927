/** Files around a pickle, in both of PyTorch's formats. */
import { deflateRawSync } from 'node:zlib';
import { bytesOf, list, little, pickle, text } from './pickles.js';

export interface ArchiveEntry {
  name: string;
  data: Uint8Array;
  deflate?: boolean;
  /** A lie about the unpacked size. */
  size?: number;
  /** Instead of a header of its own, that of the entry with this index. */
  sameAs?: number;
}

/** A zip archive, as small as the format allows. */
export function zipArchive(entries: readonly ArchiveEntry[]): Uint8Array {
  const locals: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  const starts: number[] = [];
  let position = 0;
  for (const { name, data, deflate = false, size = data.length, sameAs } of entries) {
    const packed = deflate ? deflateRawSync(data) : data;
    const packedSize = deflate ? packed.length : size;
    // Version, flags, method, time and date, CRC, sizes, lengths of name and extra field.
    const common = bytesOf(
      ...[little(20, 2), little(0, 2), little(deflate ? 8 : 0, 2), little(0, 4), little(0, 4)],
      ...[little(packedSize, 4), little(size, 4), little(name.length, 2), little(0, 2)],
    );
    starts.push(sameAs === undefined ? position : starts[sameAs]!);
    if (sameAs === undefined) {
      const local = bytesOf('PK\x03\x04', common, name, packed);
      locals.push(local);
      position += local.length;
    }
    directory.push(
      bytesOf('PK\x01\x02', little(20, 2), common, little(0, 2), little(0, 8), little(starts.at(-1)!, 4), name),
    );
  }
  const table = bytesOf(...directory);
  const counts = [little(0, 4), little(entries.length, 2), little(entries.length, 2)];
  return bytesOf(...locals, table, 'PK\x05\x06', ...counts, little(table.length, 4), little(position, 4), little(0, 2));
}

/** What `torch.save` writes since 1.6. */
export const torchZip = (
  object: Uint8Array,
  storages: Record<string, Uint8Array> = {},
  more: readonly ArchiveEntry[] = [],
): Uint8Array =>
  zipArchive([
    { name: 'archive/data.pkl', data: object },
    ...Object.entries(storages).map(([key, data]) => ({ name: `archive/data/${key}`, data })),
    ...more,
  ]);

/** The pickles in front of the object in the older format. */
export const legacyStart = (littleEndian = true): Uint8Array =>
  bytesOf(
    '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.',
    '\x80\x02M\xe9\x03.',
    pickle('}', text('little_endian'), littleEndian ? '\x88' : '\x89', 's'),
  );

/** What it wrote before. */
export const torchLegacy = (
  object: Uint8Array,
  storages: Record<string, { elements: number; data: Uint8Array }> = {},
): Uint8Array =>
  bytesOf(
    legacyStart(),
    object,
    pickle(list(...Object.keys(storages).map(text))),
    ...Object.values(storages).flatMap(({ elements, data }) => [little(elements, 8), data]),
  );

/** Float32 values 0, 1, 2 ... as bytes. */
export const counting = (count: number): Uint8Array =>
  new Uint8Array(Float32Array.from({ length: count }, (_, i) => i).buffer);
