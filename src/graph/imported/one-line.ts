/** Messages that have names out of a file in them, which may be anything. */

/** In characters. */
const longest = 500;
const kept = { front: 150, back: 300 };

/** Fit for one line: without control characters, and with the middle left out where it is very long; what went wrong stands at the end. */
export function oneLine(message: string): string {
  const cut = message.length > longest ? `${message.slice(0, kept.front)} … ${message.slice(-kept.back)}` : message;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}

/** Runs `body`. @throws what it throws, said in one line */
export function inOneLine<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    // A mistake of this program's own stays what it is.
    if (!(error instanceof Error) || error.constructor !== Error) throw error;
    throw new Error(oneLine(error.message), { cause: error });
  }
}
