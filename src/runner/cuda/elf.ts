/** What a shared library of Linux asks the loader for, read from its headers: nothing of it is loaded. */
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';

export interface Dynamic {
  /** Libraries that it is linked to, by the names that the loader looks for. */
  needed: string[];
  /** Folders of its own that are searched before (RPATH) and after (RUNPATH) LD_LIBRARY_PATH. */
  rpath: string[];
  runpath: string[];
}

interface Segment {
  type: number;
  offset: number;
  address: number;
  size: number;
}

const segmentTypes = { load: 1, dynamic: 2 };
const tags = { needed: 1, strings: 5, stringBytes: 10, rpath: 15, runpath: 29 };
const headerBytes = 64;
/** Of what a header tells, more is taken for damage. */
const mostBytes = 2 ** 24;

async function bytesAt(file: FileHandle, offset: number, length: number): Promise<DataView> {
  if (!(length <= mostBytes)) throw new RangeError('a table that is too large');
  const buffer = new Uint8Array(length);
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  if (bytesRead < length) throw new RangeError('the file ends too early');
  return new DataView(buffer.buffer);
}

const long = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

async function segmentsOf(file: FileHandle): Promise<Segment[]> {
  const header = await bytesAt(file, 0, headerBytes);
  const magic = header.getUint32(0, false);
  const [wide, little] = [header.getUint8(4), header.getUint8(5)];
  if (magic !== 0x7f454c46 || wide !== 2 || little !== 1) throw new RangeError('no 64-bit ELF file');
  const [bytes, count] = [header.getUint16(54, true), header.getUint16(56, true)];
  const table = await bytesAt(file, long(header, 32), bytes * count);
  return Array.from({ length: count }, (_, i) => ({
    type: table.getUint32(i * bytes, true),
    offset: long(table, i * bytes + 8),
    address: long(table, i * bytes + 16),
    size: long(table, i * bytes + 32),
  }));
}

function textAt(strings: DataView, start: number): string {
  const bytes = new Uint8Array(strings.buffer);
  const end = bytes.indexOf(0, start);
  return new TextDecoder().decode(bytes.subarray(start, end < 0 ? undefined : end));
}

async function readDynamic(file: FileHandle): Promise<Dynamic> {
  const segments = await segmentsOf(file);
  const dynamic = segments.find(({ type }) => type === segmentTypes.dynamic);
  if (!dynamic) throw new RangeError('no dynamic section');
  const table = await bytesAt(file, dynamic.offset, dynamic.size);
  const entries = Array.from({ length: Math.floor(dynamic.size / 16) }, (_, i) => ({
    tag: long(table, 16 * i),
    value: long(table, 16 * i + 8),
  }));
  const valueOf = (wanted: number) => entries.find(({ tag }) => tag === wanted)?.value ?? 0;
  const address = valueOf(tags.strings);
  const holding = segments.find(
    (segment) =>
      segment.type === segmentTypes.load && address >= segment.address && address < segment.address + segment.size,
  );
  if (!holding) throw new RangeError('no names');
  const strings = await bytesAt(file, holding.offset + address - holding.address, valueOf(tags.stringBytes));
  const texts = (wanted: number) =>
    entries.filter(({ tag }) => tag === wanted).map(({ value }) => textAt(strings, value));
  const folders = (wanted: number) => texts(wanted).flatMap((text) => text.split(':'));
  return { needed: texts(tags.needed), rpath: folders(tags.rpath), runpath: folders(tags.runpath) };
}

/** Reads a shared library; undefined for what is none. @throws what opening it throws */
export async function dynamicOf(path: string): Promise<Dynamic | undefined> {
  const file = await open(path);
  try {
    return await readDynamic(file);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}
