/** Which nodes ONNX Runtime's CUDA provider has a kernel for: the others run on the CPU, with copies there and back. */
import { readFileSync } from 'node:fs';
import type { Visited } from './nodes.js';

/**
 * Of the operators that there are, so that networks and losses of a person's own can be looked at too; for each input the element types that it
 * may have, the last one's for all after it. Nothing for an operator without a kernel.
 */
const { operators } = JSON.parse(readFileSync(new URL('kernels.json', import.meta.url), 'utf8')) as {
  operators: Record<string, string[]>;
};

/** What ONNX Runtime runs itself. */
const ofTheRuntime = ['Loop'];

/** Why there is no kernel for a node; undefined when there is one. */
export function missingKernel({ type, inputs }: Pick<Visited, 'type' | 'inputs'>): string | undefined {
  if (ofTheRuntime.includes(type)) return undefined;
  const row = Object.hasOwn(operators, type) ? operators[type] : undefined;
  if (!row) return `${type} is not in the table of kernels`;
  if (row.length === 0) return `${type} has no kernel`;
  for (const [i, value] of inputs.entries()) {
    const taken = row[Math.min(i, row.length - 1)]!;
    if (value && !taken.split(' ').includes(value.dtype))
      return `${type} takes ${taken} as input ${i}, not ${value.dtype}`;
  }
  return undefined;
}
