/** A disk that is soon full. */
import { execFileSync } from 'node:child_process';

export const noSmallDisk = 'no file system can be mounted here; root can';

/** Makes a disk of one megabyte of a folder; to be unmounted. @returns whether that could be done */
export function smallDisk(place: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}
