/** Where things are kept that can be had again. */
import { homedir } from 'node:os';
import { UserError } from './errors.js';

const homeless = (cause: unknown): UserError =>
  new UserError('this user has no home folder to keep files in: set HOME, or name a folder with DWS_CACHE.', { cause });

/** @throws UserError where there is neither HOME nor an entry of this user that tells one */
export function homeFolder(): string {
  try {
    return homedir();
  } catch (error) {
    throw homeless(error);
  }
}

/**
 * The platform's cache folder of this program, or the one that the environment variable DWS_CACHE names.
 *
 * @throws UserError where there is neither: no HOME, and no entry of this user that tells a home folder
 */
export async function cacheFolder(): Promise<string> {
  if (process.env.DWS_CACHE) return process.env.DWS_CACHE;
  try {
    // Looks for the home folder when it is loaded.
    const { default: envPaths } = await import('env-paths');
    return envPaths('dws', { suffix: '' }).cache;
  } catch (error) {
    throw homeless(error);
  }
}
