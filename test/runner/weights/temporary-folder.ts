import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { openWeights } from '../../../src/runner/weights/open-weights.js';

export interface TemporaryFolder {
  path: (name: string) => string;
  write: (name: string, content: string | Uint8Array) => Promise<string>;
}

/** A folder for the tests of a file. */
export function temporaryFolder(): TemporaryFolder {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dws-weights-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);
  return {
    path,
    write: async (name, content) => {
      await writeFile(path(name), content);
      return path(name);
    },
  };
}

/** All tensors of a file by name, as [shape, values]. */
export async function readAll(path: string): Promise<Record<string, [shape: number[], values: number[]]>> {
  const file = await openWeights(path);
  try {
    const tensors: Record<string, [number[], number[]]> = {};
    for (const { name, shape, read } of file.tensors) tensors[name] = [shape, [...(await read())]];
    return tensors;
  } finally {
    await file.close();
  }
}

/** The one line of the error that opening and reading a file ends in, which must be for its user. */
export async function refusalOf(path: string): Promise<string> {
  const error = await readAll(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as UserError;
  expect(message).toContain(path);
  expect(message).not.toContain('\n');
  return message;
}
