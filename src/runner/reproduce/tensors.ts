/** Two checkpoints, tensor by tensor, reading a few megabytes of each at a time. */
import type { FileHandle } from 'node:fs/promises';
import { openToRead, readBytes } from '../base/reading.js';
import type { SafetensorsEntry } from '../formats/safetensors.js';
import {
  decodeSafetensorsHeader,
  float32View,
  SAFETENSORS_LENGTH_BYTES,
  safetensorsDataStart,
} from '../formats/safetensors.js';

const BYTES = 4 * 2 ** 20;

export interface TensorDifference {
  name: string;
  shape: number[];
  /** Values, and how many of them have other bits. */
  values: number;
  differing: number;
  /** The largest absolute difference; NaN where values are not finite. */
  largest: number;
}

/** Tensors as `loss_scale F32 [2]`; all empty where only their order is another. */
export interface LayoutDifference {
  onlyA: string[];
  onlyB: string[];
}

export interface CheckpointDifference {
  /** Entries of the metadata that are other ones; the hash of the whole is not one of them. */
  metadata: string[];
  /** Names and shapes are others: nothing else is compared. */
  layout?: LayoutDifference;
  /** In the order of the file. */
  first?: TensorDifference;
  /** Tensors that differ, of how many. */
  differing: number;
  tensors: number;
}

interface OpenFile {
  file: FileHandle;
  start: number;
  entries: SafetensorsEntry[];
  metadata: Record<string, string>;
}

async function openHeader(file: FileHandle, path: string): Promise<OpenFile> {
  const { size } = await file.stat();
  const start = safetensorsDataStart(await readBytes(file, SAFETENSORS_LENGTH_BYTES), size, path);
  const json = await readBytes(file, start - SAFETENSORS_LENGTH_BYTES, SAFETENSORS_LENGTH_BYTES);
  return { file, start, ...decodeSafetensorsHeader(json, size - start, path) };
}

const layoutOf = ({ entries }: OpenFile): string[] =>
  entries.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape}]`);

const without = (all: readonly string[], others: readonly string[]): string[] => {
  const there = new Set(others);
  return all.filter((text) => !there.has(text));
};

async function compareTensor(a: OpenFile, b: OpenFile, entry: SafetensorsEntry): Promise<TensorDifference> {
  const { name, shape, begin, end } = entry;
  const difference: TensorDifference = { name, shape, values: (end - begin) / 4, differing: 0, largest: 0 };
  for (let offset = begin; offset < end; offset += BYTES) {
    const length = Math.min(BYTES, end - offset);
    const [one, two] = await Promise.all([a, b].map(({ file, start }) => readBytes(file, length, start + offset)));
    if (Buffer.compare(one!, two!) === 0) continue;
    const [values, others] = [float32View(one!), float32View(two!)];
    for (let i = 0; i < values.length; i++) {
      if (Object.is(values[i], others[i])) continue;
      difference.differing++;
      difference.largest = Math.max(difference.largest, Math.abs(values[i]! - others[i]!));
    }
  }
  return difference;
}

async function compareOpen(a: OpenFile, b: OpenFile): Promise<CheckpointDifference> {
  const keys = [...new Set([...Object.keys(a.metadata), ...Object.keys(b.metadata)])];
  const metadata = keys.filter((key) => key !== 'sha256' && a.metadata[key] !== b.metadata[key]).sort();
  const [layout, other] = [layoutOf(a), layoutOf(b)];
  const counts = { metadata, differing: 0, tensors: layout.length };
  if (String(layout) !== String(other))
    return { ...counts, layout: { onlyA: without(layout, other), onlyB: without(other, layout) } };
  let first: TensorDifference | undefined;
  for (const entry of a.entries) {
    const difference = await compareTensor(a, b, entry);
    if (difference.differing === 0) continue;
    first ??= difference;
    counts.differing++;
  }
  return { ...counts, ...(first && { first }) };
}

/** @throws UserError when a file can't be read or is damaged */
export async function compareCheckpoints(pathA: string, pathB: string): Promise<CheckpointDifference> {
  const files: FileHandle[] = [];
  try {
    const opened: OpenFile[] = [];
    for (const path of [pathA, pathB]) {
      const file = await openToRead(path);
      files.push(file);
      opened.push(await openHeader(file, path));
    }
    return await compareOpen(opened[0]!, opened[1]!);
  } finally {
    for (const file of files) await file.close();
  }
}
