/** Searches among a few embeddings: what a person sees of a head before and after it learned. */

const squaredDistance = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
};

export interface Neighbor {
  /** Place among the embeddings. */
  index: number;
  /** Euclidean. */
  distance: number;
}

/**
 * The closest embedding to a query; of equally close ones the first.
 *
 * @param except a place that is no candidate: the query's own
 * @returns undefined when there is no candidate
 */
export function nearest(
  query: Float32Array,
  embeddings: readonly Float32Array[],
  except?: number,
): Neighbor | undefined {
  let found: Neighbor | undefined;
  for (const [index, embedding] of embeddings.entries()) {
    const distance = squaredDistance(query, embedding);
    if (index !== except && (!found || distance < found.distance)) found = { index, distance };
  }
  return found && { ...found, distance: Math.sqrt(found.distance) };
}

/** Each embedding's nearest among the others (leave one out). @throws Error for fewer than two embeddings */
export function nearestOthers(embeddings: readonly Float32Array[]): Neighbor[] {
  if (embeddings.length < 2) throw new Error('an embedding alone has no neighbor');
  return embeddings.map((query, own) => nearest(query, embeddings, own)!);
}
