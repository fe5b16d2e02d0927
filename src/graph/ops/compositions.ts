/**
 * ONNX operators that graphs here write as several nodes: those that opset 18 has not, has in another form, or has no float16 for. By
 * their names; see https://onnx.ai/onnx/operators/.
 */
import type { GraphBuilder } from '../builder/builder.js';
import type { AttributeTypes } from '../onnx/attributes.js';
import { requireAttributes } from '../onnx/attributes.js';
import type { Value } from '../onnx/nodes.js';
import type { Attributes } from '../onnx/types.js';
import { celu, gelu, geluByTanh, swish } from './activations.js';
import { attention } from './attention.js';
import { groupNormalization, layerNormalization, rmsNormalization } from './standardize.js';

type Inputs = readonly (Value | null)[];

interface Composition {
  /** How many inputs it has: at least, at most. */
  inputs: readonly [number, number];
  attributes: AttributeTypes;
  /** Values that attributes may have, where others are not supported. */
  only?: Readonly<Record<string, readonly (number | string)[]>>;
  /** Attributes without a default. */
  required?: readonly string[];
  write: (g: GraphBuilder, inputs: Inputs, attributes: Attributes) => Value;
}

const rows: Readonly<Record<string, Composition>> = {
  Attention: {
    inputs: [3, 4],
    attributes: {
      is_causal: 'int',
      kv_num_heads: 'int',
      q_num_heads: 'int',
      qk_matmul_output_mode: 'int',
      scale: 'float',
      softcap: 'float',
      softmax_precision: 'int',
    },
    only: { softcap: [0] },
    write: (g, [q, k, v, mask = null], attributes) => attention(g, [q!, k!, v!], mask, attributes),
  },
  Celu: {
    inputs: [1, 1],
    attributes: { alpha: 'float' },
    write: (g, [x], { alpha }) => celu(g, x!, alpha as number | undefined),
  },
  Gelu: {
    inputs: [1, 1],
    attributes: { approximate: 'string' },
    only: { approximate: ['none', 'tanh'] },
    write: (g, [x], { approximate }) => (approximate === 'tanh' ? geluByTanh(g, x!) : gelu(g, x!)),
  },
  GroupNormalization: {
    inputs: [3, 3],
    attributes: { epsilon: 'float', num_groups: 'int', stash_type: 'int' },
    only: { stash_type: [1] },
    required: ['num_groups'],
    write: (g, [x, scale, bias], { epsilon, num_groups }) =>
      groupNormalization(g, x!, scale!, bias!, {
        groups: num_groups as number,
        epsilon: epsilon as number | undefined,
      }),
  },
  LayerNormalization: {
    inputs: [2, 3],
    attributes: { axis: 'int', epsilon: 'float', stash_type: 'int' },
    only: { stash_type: [1] },
    write: (g, [x, scale, bias = null], attributes) => layerNormalization(g, x!, scale!, bias, attributes),
  },
  RMSNormalization: {
    inputs: [2, 2],
    attributes: { axis: 'int', epsilon: 'float', stash_type: 'int' },
    only: { stash_type: [1] },
    write: (g, [x, scale], attributes) => rmsNormalization(g, x!, scale!, attributes),
  },
  Swish: {
    inputs: [1, 1],
    attributes: { alpha: 'float' },
    write: (g, [x], { alpha }) => swish(g, x!, alpha as number | undefined),
  },
};

/** The operators that `compose` writes. */
export const composed: readonly string[] = Object.keys(rows);

function check(row: Composition, inputs: Inputs, attributes: Attributes): void {
  const [least, most] = row.inputs;
  const count = inputs.findLastIndex((x) => x !== null) + 1;
  if (count > most) throw new Error(`${count} inputs are more than the ${most} that are supported`);
  for (let i = 0; i < least; i++) if (!inputs[i]) throw new Error(`input ${i} is missing`);
  requireAttributes(row.attributes, attributes);
  for (const name of row.required ?? [])
    if (attributes[name] === undefined) throw new Error(`attribute ${name} is missing`);
  for (const [name, values] of Object.entries(row.only ?? {})) {
    const value = attributes[name] as number | string | undefined;
    if (value !== undefined && !values.includes(value))
      throw new Error(`attribute ${name} is ${value}; supported: ${values.join(', ')}`);
  }
}

/**
 * Writes an operator as several nodes, each of which has its gradient.
 *
 * @param inputs float32 or float16; those left out stand as null, or are not there
 * @returns its first output
 * @throws Error that names the operator and the place, for other inputs and attributes than are supported
 */
export function compose(g: GraphBuilder, type: string, inputs: Inputs, attributes: Attributes): Value {
  const what = `${type} at ${g.path || 'the top of the graph'}`;
  const row = Object.hasOwn(rows, type) ? rows[type]! : undefined;
  if (!row) throw new Error(`${what} is none of those that are written as several nodes: ${composed.join(', ')}`);
  try {
    check(row, inputs, attributes);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
  return row.write(g, inputs, attributes);
}
