const LONGEST = 80;
const MOST_ITEMS = 8;

/** Text out of somebody's file, made fit for one line on a terminal: no control characters, at most 80 characters. */
export function printable(text: string): string {
  const line = text.slice(0, LONGEST).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  return text.length > LONGEST ? `${line}…` : line;
}

/** A JSON value, cut to one line: it may be nested deeper than `JSON.stringify` goes. */
export function printableJson(value: unknown): string {
  const plain = (entry: unknown): string =>
    typeof entry === 'object' && entry !== null ? '…' : printable(String(JSON.stringify(entry)));
  if (!Array.isArray(value)) return plain(value);
  const items = value.slice(0, MOST_ITEMS).map(plain);
  return `[${[...items, ...(value.length > MOST_ITEMS ? ['…'] : [])].join(',')}]`;
}
