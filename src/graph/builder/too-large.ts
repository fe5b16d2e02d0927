/** Tensors that a provider's kernels can't address. */
import type { Provider } from '../options.js';
import type { TypedShape } from '../operators/operator.js';
import { elementCount, showShape } from '../onnx/types.js';

/** ONNX Runtime's CUDA kernels count elements in 32 bits (CUDA_LONG, fast_divmod; 1.29): beyond, they fail late or compute something else. */
const mostElements: Partial<Record<Provider, number>> = { cuda: 2 ** 31 - 1 };

/** A tensor of more elements than the provider's kernels count. */
export class TooLargeError extends Error {}

/** Dimensions that are not known yet count as 1. @throws TooLargeError naming the node and the shape */
export function requireCountable(provider: Provider, node: string, types: readonly TypedShape[]): void {
  const most = mostElements[provider] ?? Infinity;
  for (const { shape } of types) {
    const elements = elementCount(shape.map((dim) => (typeof dim === 'number' ? dim : 1)));
    if (elements <= most) continue;
    throw new TooLargeError(
      `${node} would make a tensor of ${showShape(shape)}, ${elements.toExponential(1)} elements; on ${provider} there can be ${most} at most`,
    );
  }
}
