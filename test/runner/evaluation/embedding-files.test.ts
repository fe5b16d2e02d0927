import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { formatOf, writeEmbeddings } from '../../../src/runner/evaluation/embedding-files.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);

const paths = ['plain.png', 'new\nline.png', 'a,"quoted",b.png', '"x".png', ' äö 😀.png', '=1+1.png'];
const embeddings = Float32Array.from({ length: paths.length * 3 }, (_, i) => Math.fround(Math.sin(i + 1) / 3));
const content = { embeddings, dim: 3, paths, skipped: [] };
const rows = paths.map((_, i) => [...embeddings.subarray(3 * i, 3 * i + 3)]);

describe('writeEmbeddings', () => {
  it('writes an array with a line for each image beside it, names with line ends included', async () => {
    expect(await writeEmbeddings(at('some.npy'), content)).toEqual([at('some.npy'), at('some.txt')]);
    const array = await readFile(at('some.npy'));
    expect(array.subarray(1, 6).toString()).toBe('NUMPY');
    expect(new Float32Array(new Uint8Array(array.subarray(array.length - 72)).buffer)).toEqual(embeddings);
    const lines = (await readFile(at('some.txt'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (line.startsWith('"') ? (JSON.parse(line) as string) : line))).toEqual(paths);
  });

  it('writes CSV that is read back as it was', async () => {
    expect(await writeEmbeddings(at('some.csv'), content)).toEqual([at('some.csv')]);
    const [head, ...lines] = parse(await readFile(at('some.csv'))) as string[][];
    expect(head).toEqual(['path', 'e0', 'e1', 'e2']);
    expect(lines.map(([name]) => name)).toEqual(paths);
    expect(lines.map(([, ...values]) => values.map(Number))).toEqual(rows);
  });

  it('writes JSON lines that are read back as they were', async () => {
    await writeEmbeddings(at('some.JSONL'), content);
    const lines = (await readFile(at('some.JSONL'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      paths.map((name, i) => ({ path: name, embedding: rows[i] })),
    );
  });

  it('writes Parquet that is read back as it was', async () => {
    await writeEmbeddings(at('some.parquet'), content);
    const bytes = new Uint8Array(await readFile(at('some.parquet')));
    expect(await parquetReadObjects({ file: bytes.buffer })).toEqual(
      paths.map((name, i) => ({ path: name, embedding: rows[i] })),
    );
  });

  it.each(['npy', 'csv', 'jsonl', 'parquet'])('writes no image as an empty .%s', async (ending) => {
    const none = { embeddings: new Float32Array(0), dim: 3, paths: [], skipped: [] };
    await expect(writeEmbeddings(at(`none.${ending}`), none)).resolves.toContain(at(`none.${ending}`));
  });

  it.each(['some.txt', 'some', 'some.npy.gz', 'csv', '.csv'])('refuses %s, and writes nothing', async (name) => {
    const before = await readdir(folder.path);
    const error = await Promise.resolve()
      .then(() => writeEmbeddings(at(name), content))
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(/its ending decides .* \.npy, \.csv, \.jsonl, \.parquet\.$/);
    expect(await readdir(folder.path)).toEqual(before);
  });
});

it('formatOf takes an ending in any case', () => {
  expect(formatOf('runs/Embeddings.NPY')).toBe('npy');
});
