/** Distances between random points on the unit sphere. */

/** log B(a, a) for a a positive multiple of 1/2: B(1/2, 1/2) = pi, B(1, 1) = 1, B(a + 1, a + 1) = B(a, a) a / (2 (2a + 1)). */
function logBeta(a: number): number {
  const isHalf = a % 1 !== 0;
  let log = isHalf ? Math.log(Math.PI) : 0;
  for (let b = isHalf ? 0.5 : 1; b < a; b++) log += Math.log(b / (2 * (2 * b + 1)));
  return log;
}

/**
 * Density q of the distance of two points drawn evenly on the unit sphere in n dimensions, (Wu et al. 2017, section 4.1):
 * q(d) = d^(n-2) (1 - d^2 / 4)^((n-3)/2) / (2^(n-2) B((n-1)/2, (n-1)/2)). Distances end at 2; beyond, it is 0.
 *
 * @param n 2 or more
 */
export function distanceDensity(n: number): (distance: number) => number {
  const scale = (n - 2) * Math.LN2 + logBeta((n - 1) / 2);
  return (d) => {
    if (d <= 0 || d >= 2) return 0;
    return Math.exp((n - 2) * Math.log(d) + ((n - 3) / 2) * Math.log1p((-d * d) / 4) - scale);
  };
}
