/** Numbers for people. */

/** 1234567 -> 1,234,567 */
export const count = (value: number): string => value.toLocaleString('en-US');

/** 0.42 -> 0.4 ms, 42.1 -> 42 ms, 1234 -> 1.2 s */
export function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** 12345678 -> 12.3 MB */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** 0.4291 -> 42.9 % */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export const distance = (value: number): string => value.toFixed(3);
