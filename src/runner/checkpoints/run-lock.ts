/** One training a folder and prefix. */
import { join } from 'node:path';
import { ensureWritableFolder } from '../base/files.js';
import type { LockHooks } from '../base/write-lock.js';
import { WriteLock } from '../base/write-lock.js';
import { lockName, requirePrefix } from './names.js';

/**
 * Creates a run's folder where it is missing, and locks it for one prefix.
 *
 * @throws UserError when the folder can't be written to, the prefix names another folder, or another process trains there, which is
 *   named; the signal's reason when it is aborted
 */
export async function lockRun(folder: string, prefix: string, hooks: LockHooks = {}): Promise<WriteLock> {
  requirePrefix(prefix);
  await ensureWritableFolder(folder);
  const what = prefix === '' ? folder : `${folder} (--save-prefix ${prefix})`;
  return WriteLock.take(join(folder, prefix + lockName), what, hooks);
}
