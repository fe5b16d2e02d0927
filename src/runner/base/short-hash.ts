/** 64 bits tell things apart. */
export const shortHashDigits = 16;

/** What stands for a SHA-256 (hexadecimal) in checkpoints, names and messages: its first digits. */
export const shortHash = (sha256: string): string => sha256.slice(0, shortHashDigits);
