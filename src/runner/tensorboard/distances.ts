/** Distances between embeddings of one class and of different classes, sampled evenly and always alike. */

/** Pairs of each kind. */
const wanted = 10_000;

const distance = (embeddings: Float32Array, dim: number, a: number, b: number): number => {
  let sum = 0;
  for (let i = 0; i < dim; i++) sum += (embeddings[a * dim + i]! - embeddings[b * dim + i]!) ** 2;
  return Math.sqrt(sum);
};

/**
 * Euclidean distances of up to 10,000 pairs of each kind, for their distribution: each image with those that follow it in its
 * class, and with images of other classes at growing places behind it.
 *
 * @param embeddings [labels, dim]
 */
export function pairDistances(
  embeddings: Float32Array,
  dim: number,
  labels: ArrayLike<number>,
): { positive: number[]; negative: number[] } {
  const n = labels.length;
  const classes = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    const members = classes.get(labels[i]!);
    if (members) members.push(i);
    else classes.set(labels[i]!, [i]);
  }
  const positive: number[] = [];
  const largest = [...classes.values()].reduce((most, { length }) => Math.max(most, length), 0);
  for (let gap = 1; gap < largest && positive.length < wanted; gap++) {
    for (const members of classes.values()) {
      for (let i = gap; i < members.length && positive.length < wanted; i++) {
        positive.push(distance(embeddings, dim, members[i - gap]!, members[i]!));
      }
    }
  }
  const negative: number[] = [];
  const rounds = Math.min(n - 1, Math.ceil(wanted / n));
  for (let round = 1; round <= rounds; round++) {
    const gap = Math.ceil((round * n) / (rounds + 1));
    for (let i = 0; i < n && negative.length < wanted; i++) {
      const other = (i + gap) % n;
      if (labels[i] !== labels[other]) negative.push(distance(embeddings, dim, i, other));
    }
  }
  return { positive, negative };
}
