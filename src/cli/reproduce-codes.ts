/** Exit codes of `dws verify` and `dws diff`, for CI. */

export const exitCodes = { same: 0, error: 1, differs: 3, changed: 4 } as const;

type Meaning = keyof typeof exitCodes;

const meanings: Record<Meaning, string> = {
  same: 'the same numbers, bit for bit',
  error: 'could not be told: a file or option that cannot be used, an error while training',
  differs: 'other numbers',
  changed: 'not repeated, because what has changed may change the numbers',
};

/** For the help. */
export const exitCodeText = (codes: readonly Meaning[]): string =>
  ['Exit codes:', ...codes.map((code) => `  ${exitCodes[code]}  ${meanings[code]}`)].join('\n');
