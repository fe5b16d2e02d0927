/** Letters to insert, leave out, replace or swap with their neighbor to make one word of another. */
function distance(a: string, b: string): number {
  let [beyond, above]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 0; i < a.length; i++) {
    const row = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const isSwapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j];
      const swap = isSwapped ? beyond[j - 1]! + 1 : Infinity;
      row.push(Math.min(row[j]! + 1, above[j + 1]! + 1, above[j]! + (a[i] === b[j] ? 0 : 1), swap));
    }
    [beyond, above] = [above, row];
  }
  return above[b.length]!;
}

/** The word that somebody who wrote `word` may have meant: of those that differ by a third of their letters at most, the closest. */
export function mostAlike(word: string, known: readonly string[]): string | undefined {
  const given = word.slice(0, 80).toLowerCase();
  const rated = known.map((name) => ({ name, apart: distance(given, name.toLowerCase()) }));
  const [best] = rated.filter(({ name, apart }) => apart <= name.length / 3).sort((a, b) => a.apart - b.apart);
  return best?.name;
}

/** `Did you mean resnet18? `, to stand before what is known; nothing where no word is meant that is known. */
export function didYouMean(word: string, known: readonly string[]): string {
  const meant = mostAlike(word, known);
  return meant === undefined ? '' : `Did you mean ${meant}? `;
}

/** The key that is meant: the closest, or one that is a shorter or longer form of it, as `pad` of `padding`. */
const meantKey = (key: string, known: readonly string[]): string | undefined =>
  mostAlike(key, known) ?? known.find((name) => key.length > 2 && (name.startsWith(key) || key.startsWith(name)));

/**
 * A key that nothing takes, and the one that may be meant; undefined where all are known.
 *
 * @param what has the keys, and begins the text
 */
export function unknownKey(what: string, given: object, known: readonly string[]): string | undefined {
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown === undefined) return undefined;
  const meant = meantKey(unknown, known);
  const advice = meant === undefined ? '' : ` Did you mean ${meant}?`;
  return `${what}: nothing takes ${unknown}.${advice} Known: ${known.join(', ') || 'nothing'}`;
}

/** To pass over a key that nothing takes would be to do something else than what was written. @throws Error as `unknownKey` */
export function requireKeys(what: string, given: object, known: readonly string[]): void {
  const said = unknownKey(what, given, known);
  if (said !== undefined) throw new Error(said);
}
