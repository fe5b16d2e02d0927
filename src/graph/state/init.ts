/** Initial values of tensors, the same on every machine for one seed. */
import { requireKeys } from '../known-names.js';
import { elementCount } from '../onnx/types.js';
import type { Purpose } from './philox.js';
import { Philox } from './philox.js';
import type { Init, TensorSpec } from './state.js';

type Drawn = Exclude<Init, { kind: 'given' }>;

/** One draw of a distribution from a random stream. */
const draws: { [K in Drawn['kind']]: (init: Extract<Drawn, { kind: K }>, random: Philox) => number } = {
  constant: ({ value }) => value,
  normal: ({ std }, random) => std * random.normal(),
  uniform: ({ bound }, random) => bound * (2 * random.unit() - 1),
  'truncated-normal': ({ std, bound }, random) => {
    for (;;) {
      const value = std * random.normal();
      if (Math.abs(value) <= bound) return value;
    }
  },
};

const fieldsOf: Record<Init['kind'], readonly string[]> = {
  constant: ['value'],
  normal: ['std'],
  uniform: ['bound'],
  'truncated-normal': ['std', 'bound'],
  given: ['values'],
};

/** @throws Error naming what keeps `init` from being one; `what` begins the message */
export function requireInit(init: unknown, what: string): asserts init is Init {
  const given = (init ?? {}) as Readonly<Record<string, unknown>>;
  const kinds = Object.keys(fieldsOf);
  const kind = given['kind'] as Init['kind'];
  if (!kinds.includes(kind)) {
    throw new Error(`${what}: its init is of kind ${String(kind)}; known: ${kinds.join(', ')}`);
  }
  requireKeys(`${what}: init of kind ${kind}`, given, ['kind', ...fieldsOf[kind]]);
  if (kind === 'given') {
    if (typeof given['values'] === 'function') return;
    throw new Error(`${what}: values of its init is ${String(given['values'])}: give a function`);
  }
  for (const field of fieldsOf[kind]) {
    const value = given[field];
    const isSpread = field !== 'value';
    const holds = Number.isFinite(value) && (!isSpread || (value as number) >= 0);
    const wanted = `a finite number${isSpread ? ' of 0 or more' : ''}`;
    if (!holds) throw new Error(`${what}: ${field} of its init is ${String(value)}: give ${wanted}`);
  }
  // Draws until one is within the bound.
  const { std, bound } = given as { std?: number; bound?: number };
  if (kind === 'truncated-normal' && bound! < std! / 1000) {
    throw new Error(`${what}: the bound of its init is ${bound}: give one that is not far below std, ${std}`);
  }
}

/** Fills each tensor from a stream of its own, so that one tensor's values do not depend on the others' sizes. */
export function initialTensors(specs: readonly TensorSpec[], seed: number, purpose: Purpose = 'init'): Float32Array {
  const flat = new Float32Array(specs.reduce((n, { shape }) => n + elementCount(shape), 0));
  let offset = 0;
  specs.forEach(({ shape, init }, index) => {
    const end = offset + elementCount(shape);
    if (init.kind === 'given') {
      flat.set(init.values(), offset);
      offset = end;
      return;
    }
    const random = new Philox(seed, purpose, index);
    const draw = draws[init.kind] as (init: Init, random: Philox) => number;
    for (; offset < end; offset++) flat[offset] = draw(init, random);
  });
  return flat;
}
