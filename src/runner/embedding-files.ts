/** Embeddings as files that other programs read. */
import type { Embeddings } from './embed.js';
import { writeFileAtomic } from './files.js';
import { encodeNpy } from './npy.js';

export type EmbeddingFormat = 'npy' | 'jsonl';

/** Lines that are encoded at a time. */
const LINES = 1024;

function* jsonLines({ embeddings, dim, paths }: Embeddings): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  const line = (path: string, row: number) =>
    `${JSON.stringify({ path, embedding: Array.from(embeddings.subarray(row * dim, (row + 1) * dim)) })}\n`;
  for (let first = 0; first < paths.length; first += LINES) {
    const lines = paths.slice(first, first + LINES).map((path, i) => line(path, first + i));
    yield encoder.encode(lines.join(''));
  }
}

const writers: Record<EmbeddingFormat, (file: string, content: Embeddings) => Promise<string[]>> = {
  npy: async (file, { embeddings, dim, paths }) => {
    const list = `${file.replace(/\.npy$/, '')}.txt`;
    await writeFileAtomic(file, encodeNpy(embeddings, paths.length, dim));
    await writeFileAtomic(list, paths.map((path) => `${path}\n`).join(''));
    return [file, list];
  },
  jsonl: async (file, content) => {
    await writeFileAtomic(file, jsonLines(content));
    return [file];
  },
};

/**
 * Writes embeddings: `npy` as float32 [images, dim] with the images' paths, a line each, in a `.txt` beside it; `jsonl` as
 * a line `{"path": ..., "embedding": [...]}` for each image.
 *
 * @returns the files written
 * @throws UserError when a file can't be written
 */
export const writeEmbeddings = (file: string, format: EmbeddingFormat, content: Embeddings): Promise<string[]> =>
  writers[format](file, content);
