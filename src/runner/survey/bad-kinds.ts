/** Why images cannot be read, in groups: the first whose pattern is in the reason. */
const patterns = {
  empty: /\(0 bytes\)/,
  missing: /\bmissing\b/,
  'not readable': /permission denied|link that leads back|name of the file is |not permitted|not a file/,
  'too large': /exceeds pixel limit|of memory at once/,
  'too slow': /takes longer than/,
  'a format that is not read': /a format that is not read/,
  'no image': /unsupported image format/,
} satisfies Record<string, RegExp>;

/** `damaged` is everything else: cut off, or with bytes that are wrong. */
export type BadKind = keyof typeof patterns | 'damaged';

/** The group of a `BadImage`'s reason. */
export function badKind(reason: string): BadKind {
  const [kind = 'damaged'] = Object.entries(patterns).find(([, pattern]) => pattern.test(reason)) ?? [];
  return kind as BadKind;
}
