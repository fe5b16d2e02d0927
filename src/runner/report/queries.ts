/** The queries that a network answers best and worst. */

export interface ChosenQuery {
  /** Place of the image. */
  place: number;
  /** How many images of its class it can find. */
  others: number;
  /** Average precision at R, in [0, 1]. */
  precision: number;
}

export interface Query extends ChosenQuery {
  /** Places of the nearest images, closest first. */
  found: number[];
}

export interface QueryChoice {
  /** [queries] their places. */
  queries: Int32Array;
  /** [queries] NaN for those that have nothing to find. */
  averagePrecision: Float64Array;
  /** [queries] how many images of its class each can find. */
  others: Int32Array;
  /** By place. */
  labels: Int32Array;
}

/** Best and worst queries, each class once in either list: `count` of both where there are as many. */
export function chooseQueries(
  { queries, averagePrecision, others, labels }: QueryChoice,
  count: number,
): { best: ChosenQuery[]; worst: ChosenQuery[] } {
  // Among equals, those of large classes tell most: all of many are found, or none.
  const asked = Array.from(queries.keys())
    .filter((query) => !Number.isNaN(averagePrecision[query]!))
    .sort((a, b) => others[b]! - others[a]! || a - b);
  const pick = (sign: number): ChosenQuery[] => {
    const ordered = asked.toSorted((a, b) => sign * (averagePrecision[a]! - averagePrecision[b]!));
    const firsts = new Map<number, number>();
    for (const query of ordered) {
      const label = labels[queries[query]!]!;
      if (!firsts.has(label)) firsts.set(label, query);
    }
    return [...firsts.values()].slice(0, count).map((query) => ({
      place: queries[query]!,
      others: others[query]!,
      precision: averagePrecision[query]!,
    }));
  };
  return { best: pick(-1), worst: pick(1) };
}
