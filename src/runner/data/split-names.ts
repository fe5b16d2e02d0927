/** How people call the splits, as folders and in lists. */

/** Images to train on, or to evaluate with. */
export type Split = 'train' | 'val';

/** The first that is there is used. */
const names: Record<Split, readonly string[]> = {
  train: ['train', 'training'],
  val: ['val', 'valid', 'validation', 'test', 'testing'],
};

const roleNames = ['query', 'gallery'] as const;

/** For errors. */
export const splitNames: Record<Split, string> = {
  train: 'train/ inside (nor training/)',
  val: 'val/ inside (nor valid/, validation/, test/, nor query/ with gallery/)',
};

/** What is called so, in any case, the exact name first. */
const called = (all: readonly string[], name: string): string[] =>
  all
    .filter((each) => each.toLowerCase() === name)
    .sort((a, b) => Number(b === name) - Number(a === name) || (a < b ? -1 : 1));

export interface ChosenFolders {
  folder?: string;
  /** In place of one folder. */
  roles?: { query: string; gallery: string };
  /** Other folders that might have been meant. */
  others: string[];
}

/** Which of a folder's entries hold a split. */
export function chooseFolders(all: readonly string[], split: Split): ChosenFolders {
  const found = names[split].flatMap((name) => called(all, name));
  const pair = roleNames.map((name) => called(all, name)[0]);
  const [query, gallery] = pair;
  const hasPair = split === 'val' && query !== undefined && gallery !== undefined;
  if (found.length > 0) return { folder: found[0], others: [...found.slice(1), ...(hasPair ? [query, gallery] : [])] };
  return hasPair ? { roles: { query, gallery }, others: [] } : { others: [] };
}

/** The split that a word in a list stands for, and how much it is preferred to others: the lower, the more. */
export function splitOfWord(word: string): { split: Split; rank: number } | undefined {
  const lower = word.trim().toLowerCase();
  for (const split of ['train', 'val'] as const) {
    const rank = names[split].indexOf(lower);
    if (rank >= 0) return { split, rank };
  }
  return undefined;
}

export const knownWords = [...names.train, ...names.val].join(', ');

/** Whether a folder of that name is, or could be, where the images of a split lie. */
export const isSplitName = (name: string): boolean => {
  const lower = name.toLowerCase();
  return [...Object.values(names).flat(), ...roleNames].includes(lower);
};
