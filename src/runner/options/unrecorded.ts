/** What options are of which checkpoints say nothing, so that those of other runs are as before there was a choice. */
export const unrecorded = { precision: 'fp32', deterministic: false } as const;

type Choices = { [Key in keyof typeof unrecorded]?: unknown };

/** Those that are something else. */
export const recordedChoices = <Given extends Choices>(given: Given): Partial<Given> =>
  Object.fromEntries(
    Object.entries(given).filter(([key, value]) => value !== undefined && value !== unrecorded[key as keyof Choices]),
  ) as Partial<Given>;
