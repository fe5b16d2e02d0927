/** ONNX's external data: tensors in files beside the model. They stay beside it here, whatever the model says. */
import { realpath } from 'node:fs/promises';
import { dirname, join, posix, sep, win32 } from 'node:path';
import { UserError } from '../base/errors.js';
import { fileError } from '../base/files.js';
import { printable } from '../base/printable.js';
import { RandomFile } from './random-file.js';
import { isSize } from '../base/sizes.js';

/** `external_data` of a tensor: location, offset and length as ONNX writes them. */
export type ExternalData = ReadonlyMap<string, string>;

/** Where a tensor's bytes are. */
export interface ExternalRange {
  /** With all links followed. */
  path: string;
  offset: number;
}

/** A location that could only mean another folder. The separators of all systems count, so that all refuse the same. */
const leavesFolder = (location: string): boolean =>
  location === '' ||
  location.includes('\0') ||
  posix.isAbsolute(location) ||
  win32.isAbsolute(location) ||
  /^[a-z]:/i.test(location) ||
  location.split(/[/\\]/).includes('..');

/**
 * Finds a tensor's bytes in a file of the model's folder, or of a folder in it, and checks that they are there.
 *
 * @param model the model's path
 * @param bytes what the tensor takes
 * @param title the tensor, for the error
 * @throws UserError when the file is outside of the folder, also by a link, can't be read or is too short
 */
export async function locateExternal(
  model: string,
  data: ExternalData,
  bytes: number,
  title: string,
): Promise<ExternalRange> {
  const location = data.get('location') ?? '';
  const name = printable(location);
  if (leavesFolder(location)) {
    throw new UserError(
      `${model}: ${title} is kept in the file '${name}', which is not in the model's folder; dws reads nothing outside ` +
        `of it. Save the model again with its data beside it.`,
    );
  }
  const resolve = async (path: string): Promise<string> => {
    try {
      return await realpath(path);
    } catch (error) {
      throw fileError(`can't read ${name}, which ${model} keeps ${title} in`, error);
    }
  };
  const folder = await resolve(dirname(model));
  const path = await resolve(join(dirname(model), location));
  if (!path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
    throw new UserError(
      `${model}: ${title} is kept in '${name}', a link that leaves the model's folder; dws reads nothing outside of it. ` +
        `Put the file itself there.`,
    );
  }
  const offset = Number(data.get('offset') ?? 0);
  const length = Number(data.get('length') ?? bytes);
  const file = await RandomFile.open(path);
  await file.close();
  if (!isSize(offset) || length !== bytes || offset + bytes > file.size) {
    throw new UserError(
      `${model}: ${title} takes ${bytes} bytes, which are not where it says in ${name} ` +
        `(offset ${printable(data.get('offset') ?? '0')}, file of ${file.size} bytes). Take another copy of both files.`,
    );
  }
  return { path, offset };
}
