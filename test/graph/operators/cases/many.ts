/** Many cases of an operator. */
import type { OperatorName } from '../../../../src/graph/onnx/names.js';
import { operatorNames } from '../../../../src/graph/onnx/names.js';
import { operators } from '../../../../src/graph/operators/index.js';
import { Philox } from '../../../../src/graph/state/philox.js';
import type { Generate } from './draw.js';
import { Draw } from './draw.js';
import type { Way } from './hold.js';
import { holdCase } from './hold.js';
import { generators } from './index.js';

const isRule = (name: OperatorName): boolean => typeof operators[name].gradient === 'function';

export const withRule = operatorNames.filter(isRule);
export const withoutRule = operatorNames.filter((name) => !isRule(name));

/**
 * Draws cases until `count` different ones have been held, or ten times as many have been drawn; cases of shapes and attributes that were there
 * before, axes and other whole numbers among them, are none.
 *
 * @returns how many different ones there were, and how many gradients of elements were compared
 */
export const holdCases = (name: OperatorName, count: number): ReturnType<typeof holdMany> =>
  holdMany(name, operatorNames.indexOf(name), generators[name], count);

/** The same of whatever is written in a way of its own; `stream` tells its cases from others. */
export async function holdMany(
  name: string,
  stream: number,
  generate: Generate,
  count: number,
  way?: Way,
): Promise<{ cases: number; compared: number }> {
  const held = new Set<string>();
  let compared = 0;
  for (let i = 0; i < 10 * count && held.size < count; i++) {
    const draw = () => new Draw(new Philox(20, 'init', stream, i));
    const { inputs, attributes, outputs } = generate(draw());
    const shapes = inputs.map((x) =>
      typeof x === 'object' && x
        ? [x.role, x.dtype, x.shape, ...(x.role === 'free' || x.role === 'watched' ? [] : x.values)]
        : x,
    );
    const key = JSON.stringify([shapes, attributes, outputs]);
    if (held.has(key)) continue;
    held.add(key);
    compared += await holdCase(name, draw(), generate, way);
  }
  return { cases: held.size, compared };
}
