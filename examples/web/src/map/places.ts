/** Where images are on the map. `positions` is [n, 2]. */
import type { Point } from './view.js';

export const placeOf = (positions: Float32Array, index: number): Point => ({
  x: positions[2 * index]!,
  y: positions[2 * index + 1]!,
});

/**
 * Where an image belongs that the map was not made from: the mean of its nearest images' positions, each weighted by the
 * inverse of its distance. On one of them when the distance is 0.
 */
export function placeAmong(positions: Float32Array, nearest: readonly { index: number; distance: number }[]): Point {
  let [x, y, sum] = [0, 0, 0];
  for (const { index, distance } of nearest) {
    const weight = 1 / Math.max(distance, 1e-6);
    const place = placeOf(positions, index);
    x += weight * place.x;
    y += weight * place.y;
    sum += weight;
  }
  return { x: x / sum, y: y / sum };
}

/** Index of the position for which `cost` is lowest, if it is finite for any. */
function lowest(positions: Float32Array, cost: (place: Point, index: number) => number): number | undefined {
  let best: number | undefined;
  let least = Infinity;
  for (let index = 0; 2 * index < positions.length; index++) {
    const value = cost(placeOf(positions, index), index);
    if (value < least) [best, least] = [index, value];
  }
  return best;
}

/** The image nearest to `at`, within `reach`; in units where an axis is `scale` long. */
export function imageAt(positions: Float32Array, at: Point, scale: Point, reach: number): number | undefined {
  return lowest(positions, ({ x, y }) => {
    const squared = ((x - at.x) * scale.x) ** 2 + ((y - at.y) * scale.y) ** 2;
    return squared <= reach * reach ? squared : Infinity;
  });
}

/** The nearest image in a direction (`step`, a unit vector along one axis), within 45 degrees of it. */
export function imageBeside(positions: Float32Array, from: number, step: Point): number | undefined {
  const origin = placeOf(positions, from);
  return lowest(positions, ({ x, y }, index) => {
    const [dx, dy] = [x - origin.x, y - origin.y];
    const along = dx * step.x + dy * step.y;
    const across = Math.abs(dx * step.y) + Math.abs(dy * step.x);
    // What lies straight ahead is preferred over what is a little closer to the side.
    return index !== from && along > 0 && across <= along ? along + 2 * across : Infinity;
  });
}
