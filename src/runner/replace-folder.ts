/** Folders that are written whole or not at all, and replace an older one of their kind. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from './errors.js';
import { ensureWritableFolder, errorCode, fileError, temporaryName, writeFileAtomic } from './files.js';

/**
 * Makes sure that a folder may be written to and that nothing else is lost by replacing it.
 *
 * @param known what folders of this kind hold
 * @throws UserError when the folder beside it can't be written to, or it holds other things
 */
export async function requireReplaceable(folder: string, known: readonly string[]): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw fileError(`can't write the folder ${folder}`, error);
  });
  const other = names.find((name) => !known.includes(name));
  if (other !== undefined) {
    throw new UserError(
      `${folder} holds other things (${other}), which would be lost. Give a folder of its own, ` +
        `such as ${path.join(folder, 'gallery')}.`,
    );
  }
  await ensureWritableFolder(path.dirname(path.resolve(folder)));
}

/**
 * Writes files into a new folder beside `folder`, then lets it take that name.
 *
 * @param files by their paths within the folder, with slashes
 * @throws UserError naming the path and the reason; what was there stays as it was
 */
export async function writeFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const target = path.resolve(folder);
  const fresh = temporaryName(target);
  const old = temporaryName(target);
  try {
    for (const [name, content] of files) {
      const file = path.join(fresh, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFileAtomic(file, content);
    }
    const hadOld = await rename(target, old).then(
      () => true,
      (error: unknown) => {
        if (errorCode(error) === 'ENOENT') return false;
        throw error;
      },
    );
    await rename(fresh, target).catch(async (error: unknown) => {
      if (hadOld) await rename(old, target);
      throw error;
    });
  } catch (error) {
    throw fileError(`can't write the folder ${folder}`, error);
  } finally {
    for (const left of [fresh, old]) await rm(left, { recursive: true, force: true }).catch(() => undefined);
  }
}
