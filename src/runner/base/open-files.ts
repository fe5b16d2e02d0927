/** Too few files that may be open: Node.js reads the files of a program all at once. */
import { errorCode } from './file-errors.js';

/** Files that the largest command has open at a time, with room. */
const enough = 1024;

const tooMany = ['EMFILE', 'ENFILE'];

/** Says what to do about an error that is for want of open files; undefined for any other. */
export function openFilesComplaint(error: unknown): string | undefined {
  const code = errorCode(error);
  if (code === undefined || !tooMany.includes(code)) return undefined;
  return `too many open files (${code}): more of them than this system or shell allows. Raise the limit: ulimit -n ${enough}`;
}
