/**
 * The learning rate of an epoch: `base * factor^(number of steps <= epoch)`.
 *
 * @param steps epochs (0-based, in any order) from which on the rate is multiplied by `factor` once more
 */
export function learningRateAt(base: number, factor: number, steps: readonly number[], epoch: number): number {
  return base * factor ** steps.filter((step) => step <= epoch).length;
}
