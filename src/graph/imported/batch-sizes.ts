/** Multiples of a batch size that is known when the graph runs: '3*N' in shapes, beside 'N' itself. */
import type { Dim } from '../onnx/types.js';

const form = /^(?:(\d+)\*)?(.+)$/;

interface Multiple {
  factor: number;
  symbol: string;
}

function multipleOf(dim: string): Multiple {
  const [, factor, symbol] = form.exec(dim)!;
  return { factor: Number(factor ?? 1), symbol: symbol! };
}

const shown = ({ factor, symbol }: Multiple): Dim => (factor === 0 ? 0 : factor === 1 ? symbol : `${factor}*${symbol}`);

/** @throws Error for the product of two batch sizes */
export function times(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  if (typeof a === 'string' && typeof b === 'string') throw new Error('it multiplies the batch size with itself');
  const [text, number] = (typeof a === 'string' ? [a, b] : [b, a]) as [string, number];
  const { factor, symbol } = multipleOf(text);
  return shown({ factor: factor * number, symbol });
}

/** Rounded towards 0, as ONNX divides whole numbers. @throws Error for what is no whole multiple of a batch size */
export function dividedBy(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.trunc(a / b);
  if (a === b) return 1;
  if (typeof a === 'string' && typeof b === 'string') {
    const [over, under] = [multipleOf(a), multipleOf(b)];
    if (over.symbol === under.symbol && over.factor % under.factor === 0) return over.factor / under.factor;
  }
  if (typeof a === 'string' && typeof b === 'number') {
    const { factor, symbol } = multipleOf(a);
    if (factor % b === 0) return shown({ factor: factor / b, symbol });
  }
  throw new Error(`it divides ${a} by ${b}, which is no whole multiple of the batch size`);
}

/** The elements of a shape, as one number or multiple. */
export const product = (dims: readonly Dim[]): Dim => dims.reduce<Dim>((all, dim) => times(all, dim), 1);
