/** Beta by class. */

export interface Betas {
  /** Places of the classes with the lowest beta, the lowest first, and with the highest, the highest first. */
  lowest: number[];
  highest: number[];
  least: number;
  greatest: number;
  mean: number;
}

/** @param beta [classes], one or more */
export function describeBetas(beta: Float32Array, count: number): Betas {
  const order = Array.from(beta.keys()).sort((a, b) => beta[a]! - beta[b]! || a - b);
  const shown = Math.min(count, Math.floor(order.length / 2));
  return {
    lowest: order.slice(0, shown),
    highest: order.slice(order.length - shown).reverse(),
    least: beta[order[0]!]!,
    greatest: beta[order.at(-1)!]!,
    mean: beta.reduce((sum, value) => sum + value, 0) / beta.length,
  };
}
