/** Folders in the system's temporary folder that are gone when what was done in them is done. */
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileError } from './file-errors.js';
import { removeLeftovers, temporaryName } from './temporary-names.js';

/**
 * Runs `body` in a new folder, and removes it; and those of its name that killed processes have left.
 *
 * @throws UserError when it can't be made
 */
export async function inTemporaryFolder<T>(name: string, body: (folder: string) => Promise<T>): Promise<T> {
  const place = path.join(tmpdir(), name);
  await removeLeftovers(place);
  const folder = temporaryName(place);
  await mkdir(folder).catch((error: unknown) => {
    throw fileError(`can't make a folder in ${tmpdir()}`, error);
  });
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
