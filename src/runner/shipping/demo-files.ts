/** Which file a request means, and whether it may be had. */
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * The names in a URL's path, decoded once.
 *
 * @returns undefined for a path that no page asks for: hidden files, `..`, names with a separator, NUL, `?` or `#` in
 *   them, bad percent-encoding
 */
export function namesOf(url: string): string[] | undefined {
  const [encoded = ''] = url.split(/[?#]/, 1);
  if (!encoded.startsWith('/')) return undefined;
  try {
    const names = encoded.slice(1).split('/').map(decodeURIComponent);
    return names.every((name) => name !== '' && !name.startsWith('.') && !/[\\/\0?#]/.test(name)) ? names : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The regular, readable file of that name below a folder, wherever links lead.
 *
 * @param root the folder's real path
 * @returns its real path, or undefined when there is none or it lies outside the folder
 */
export async function fileBelow(root: string, names: readonly string[]): Promise<string | undefined> {
  try {
    const file = await realpath(path.join(root, ...names));
    const inside = path.relative(root, file);
    // A link may also lead to a hidden file of the same folder; on Windows, to another drive.
    const hidden = inside.split(path.sep).some((name) => name.startsWith('.'));
    if (hidden || path.isAbsolute(inside)) return undefined;
    if (!(await stat(file)).isFile()) return undefined;
    await access(file, constants.R_OK);
    return file;
  } catch {
    return undefined;
  }
}
