/** What the operating system says of a file, in words for the person at the terminal. */
import { UserError } from './errors.js';

const REASONS: Record<string, string> = {
  EACCES: 'permission denied; change its permissions or choose another folder',
  EAGAIN: 'the system is short of resources for the moment; try again',
  EBUSY: 'it is in use by another program or is a mount point; choose another folder',
  EDQUOT: 'the disk quota is used up; free some space or choose another folder',
  EEXIST: 'what has that name is no folder, and one is needed; choose another folder',
  EFBIG: 'the file is larger than the file system or the limit of the shell (ulimit -f) allows; choose another folder',
  EIO: 'the disk or the network failed to answer; try again, and look after the disk when it comes back',
  EISDIR: 'it is a folder, not a file; remove it or choose another name',
  EMFILE: 'too many open files; raise the limit (ulimit -n)',
  ENFILE: 'too many open files on this machine; close some programs',
  ENOMEM: 'the system is out of memory; close some programs, and try again',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
  ENOENT: 'no such file or folder; check the path',
  ENOSPC: 'the disk is full; free some space or choose another folder',
  ENOTDIR: 'part of the path is a file, not a folder; choose another folder',
  EPERM: 'the operating system does not permit it; choose another folder',
  ENXIO: 'nothing reads from this pipe; start what reads from it first',
  EROFS: 'the file system is read-only; choose another folder',
  ESTALE: 'the file server has lost it for the moment; mount it anew, and try again',
  ETIMEDOUT: 'the file server does not answer; try again',
};

/** The operating system's code of an error, for example `ENOSPC`, or undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** The operating system's code behind a `fileError`, or undefined. */
export const causeCode = (error: unknown): string | undefined =>
  error instanceof Error ? errorCode(error.cause) : undefined;

/**
 * Turns a failed file operation into an error for the person at the terminal. A UserError is returned as it is.
 *
 * @param action what failed, with the path: `can't write /runs/a/checkpoint.safetensors`
 */
export function fileError(action: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const code = errorCode(error);
  const reason = code === undefined ? undefined : REASONS[code];
  const detail = error instanceof Error ? error.message : String(error);
  return new UserError(`${action}: ${reason === undefined ? detail : `${reason} (${code})`}`, { cause: error });
}
