/** Features and heads for tests of learning: random, with classes that lie apart. */
import { Philox } from '../../src/graph/state/philox.js';

export const random = (index: number): Philox => new Philox(11, 'init', index);

export const normals = (count: number, index: number, scale = 1): Float32Array => {
  const stream = random(index);
  return Float32Array.from({ length: count }, () => scale * stream.normal());
};

/** A head as PyTorch initializes one, about. */
export const randomHead = (featDim: number, embedDim: number) => ({
  featDim,
  embedDim,
  params: normals(embedDim * (featDim + 1), 1, 1 / Math.sqrt(featDim)),
});

/** Images of `classes` classes: a center for each, and three times as much noise that is an image's own. */
export function randomExamples(featDim: number, classes: number, images: number) {
  return Array.from({ length: classes * images }, (_, i) => {
    const center = normals(featDim, 100 + (i % classes));
    const own = normals(featDim, 1000 + i, 3);
    return { label: `class ${i % classes}`, features: own.map((value, j) => value + center[j]!) };
  });
}
