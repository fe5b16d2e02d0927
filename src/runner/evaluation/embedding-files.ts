/** Embeddings as files that other programs read. */
import path from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { UserError } from '../base/errors.js';
import { writeFileAtomic } from '../base/files.js';
import { destinationOf } from '../base/destination.js';
import { didYouMean } from '../../graph/known-names.js';
import { printable } from '../base/printable.js';
import { escapedLine } from '../base/printable-name.js';
import { encodeNpy } from '../formats/npy.js';
import type { Embeddings } from './embed.js';
import type { EmbeddingFormat } from './embedding-formats.js';
import { embeddingFormats } from './embedding-formats.js';

/** Images that are encoded at a time. */
const atATime = 1024;

const rowOf = ({ embeddings, dim }: Embeddings, row: number): number[] =>
  Array.from(embeddings.subarray(row * dim, (row + 1) * dim));

/** The text of all images, in chunks. @param first text before them */
function* textOf(content: Embeddings, first: string, rows: (paths: string[], from: number) => string) {
  const encoder = new TextEncoder();
  if (first !== '') yield encoder.encode(first);
  for (let from = 0; from < content.paths.length; from += atATime) {
    yield encoder.encode(rows(content.paths.slice(from, from + atATime), from));
  }
}

const jsonLines = (content: Embeddings): Iterable<Uint8Array> =>
  textOf(content, '', (paths, from) =>
    paths.map((file, i) => `${JSON.stringify({ path: file, embedding: rowOf(content, from + i) })}\n`).join(''),
  );

function csvLines(content: Embeddings): Iterable<Uint8Array> {
  const names = Array.from({ length: content.dim }, (_, i) => `e${i}`);
  return textOf(content, stringify([['path', ...names]]), (paths, from) =>
    stringify(paths.map((file, i) => [file, ...rowOf(content, from + i)])),
  );
}

/** Columns `path` and `embedding`, a list of float32: what Arrow, DuckDB and pandas call them, too. */
function parquetOf(content: Embeddings): Uint8Array {
  const { paths } = content;
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'path', data: paths },
        { name: 'embedding', data: paths.map((_, row) => rowOf(content, row)) },
      ],
      schema: [
        { name: 'schema', num_children: 2 },
        { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
        { name: 'embedding', repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
      ],
    }),
  );
}

const single =
  (encode: (content: Embeddings) => Uint8Array | Iterable<Uint8Array>) =>
  async (file: string, content: Embeddings): Promise<string[]> => {
    await writeFileAtomic(file, encode(content));
    return [file];
  };

const writers: Record<EmbeddingFormat, (file: string, content: Embeddings) => Promise<string[]>> = {
  npy: async (file, { embeddings, dim, paths }) => {
    const list = `${file.slice(0, -path.extname(file).length)}.txt`;
    await writeFileAtomic(file, encodeNpy(embeddings, paths.length, dim));
    if (!(await destinationOf(file)).isFile) return [file];
    await writeFileAtomic(list, paths.map((name) => `${escapedLine(name)}\n`).join(''));
    return [file, list];
  },
  csv: single(csvLines),
  jsonl: single(jsonLines),
  parquet: single(parquetOf),
};

/**
 * The format that a file's ending names.
 *
 * @throws UserError for another ending, or none
 */
export function formatOf(file: string): EmbeddingFormat {
  const ending = path.extname(file).slice(1).toLowerCase();
  const format = embeddingFormats.find((known) => known === ending);
  if (format) return format;
  const known = embeddingFormats.map((name) => `.${name}`).join(', ');
  const meant = didYouMean(ending, embeddingFormats);
  throw new UserError(
    `${printable(file)}: its ending decides what is written. ${meant}Give a name that ends in ${known}.`,
  );
}

/**
 * Writes embeddings in the format that the file's ending names. `.npy`: float32 [images, dim], with the images' paths in a `.txt`
 * beside it, a line each (one that would break the line as a JSON string, which begins with `"`). `.csv`: a line of `path`, `e0`, `e1`
 * ... for each image under a heading. `.jsonl`: a line `{"path": ..., "embedding": [...]}` for each. `.parquet`: columns `path` and
 * `embedding`.
 *
 * A device or a pipe, into which only one thing can be written, gets no list.
 *
 * @param format in place of the ending's
 * @returns the files written
 * @throws UserError for another ending, and when a file can't be written
 */
export const writeEmbeddings = (
  file: string,
  content: Embeddings,
  format: EmbeddingFormat = formatOf(file),
): Promise<string[]> => writers[format](file, content);
