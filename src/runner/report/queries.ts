/** The queries that a network answers best and worst. */

export interface Query {
  /** Place of the image. */
  place: number;
  /** Places of the nearest images, closest first. */
  found: number[];
  /** Average precision at R, in [0, 1]. */
  precision: number;
}

export interface QueryChoice {
  /** [n], NaN for images that are alone in their class. */
  averagePrecision: Float64Array;
  /** [n, depth], closest first. */
  neighbors: Int32Array;
  depth: number;
  labels: Int32Array;
}

/** Best and worst queries, each class once in either list: `count` of both where there are as many. */
export function chooseQueries(
  { averagePrecision, neighbors, depth, labels }: QueryChoice,
  count: number,
  shown: number,
): { best: Query[]; worst: Query[] } {
  const sizes = new Map<number, number>();
  for (const label of labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  // Among equals, those of large classes tell most: all of many are found, or none.
  const places = Array.from(labels.keys())
    .filter((place) => !Number.isNaN(averagePrecision[place]!))
    .sort((a, b) => sizes.get(labels[b]!)! - sizes.get(labels[a]!)! || a - b);
  const pick = (sign: number): Query[] => {
    const ordered = places.toSorted((a, b) => sign * (averagePrecision[a]! - averagePrecision[b]!));
    const firsts = new Map<number, number>();
    for (const place of ordered) if (!firsts.has(labels[place]!)) firsts.set(labels[place]!, place);
    return [...firsts.values()].slice(0, count).map((place) => ({
      place,
      found: Array.from(neighbors.subarray(place * depth, place * depth + Math.min(shown, depth))),
      precision: averagePrecision[place]!,
    }));
  };
  return { best: pick(-1), worst: pick(1) };
}
