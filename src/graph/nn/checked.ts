/**
 * Layers for backbones that people write: what a layer is given is looked at before it is obeyed. An option that nothing takes, or that
 * is none, would be another network than what was written.
 */
import { listing } from '../builder/listing.js';
import { requireKeys } from '../known-names.js';
import { isValue } from '../onnx/nodes.js';
import { requireInit } from '../state/init.js';
import type { ConvOptions, Layers, LinearOptions, PoolOptions } from './layers.js';

interface Kind {
  holds: (given: unknown) => boolean;
  /** Completes "give ...". */
  wanted: string;
}

const whole = (min: number): Kind => ({
  holds: (given) => Number.isSafeInteger(given) && (given as number) >= min,
  wanted: `a whole number of ${min} or more`,
});
const onBothAxes = ({ holds, wanted }: Kind): Kind => ({
  holds: (given) => holds(given) || (Array.isArray(given) && given.length === 2 && given.every(holds)),
  wanted: `${wanted}, or two of them for height and width`,
});

const count = whole(1);
const counts = onBothAxes(count);
const pads = onBothAxes(whole(0));
const flag: Kind = { holds: (given) => typeof given === 'boolean', wanted: 'true or false' };
const init: Kind = { holds: (given) => typeof given === 'object', wanted: "an init: { kind: 'constant', value }" };
const value: Kind = {
  holds: isValue,
  wanted: 'what a layer returns; a scope, or a function of yours, that returns nothing gives undefined',
};
const values: Kind = {
  holds: (given) => Array.isArray(given) && given.length > 0 && given.every(isValue),
  wanted: 'a list of what layers return: [a, b]',
};
const name: Kind = {
  holds: (given) => typeof given === 'string' && /^[\w-]+(\.[\w-]+)*$/.test(given),
  wanted: 'a name of letters, digits, - and _, with dots between those of scopes',
};
const text: Kind = { holds: (given) => typeof given === 'string', wanted: 'a name in quotes' };
const body: Kind = { holds: (given) => typeof given === 'function', wanted: 'a function' };
const epsilon: Kind = { holds: (given) => Number.isFinite(given) && (given as number) >= 0, wanted: 'a small number' };

const optional = ({ holds, wanted }: Kind): Kind => ({ wanted, holds: (given) => given === undefined || holds(given) });

type Fields = Readonly<Record<string, Kind>>;

const initials = { init: optional(init), biasInit: optional(init) };
const pooling = {
  kernel: counts,
  stride: counts,
  padding: optional(pads),
  ceil: optional(flag),
} satisfies Record<keyof PoolOptions, Kind>;

const convolution = {
  out: count,
  kernel: counts,
  stride: optional(counts),
  padding: optional(pads),
  dilation: optional(counts),
  groups: optional(count),
  bias: optional(flag),
  ...initials,
} satisfies Record<keyof ConvOptions, Kind>;

const linear = { out: count, ...initials } satisfies Record<keyof LinearOptions, Kind>;

/** What each layer takes, in its order; the last may be an object of options. */
const takes: { [Layer in keyof Layers]: { args: Fields; options?: Fields } } = {
  scope: { args: { name, body } },
  channels: { args: { x: value } },
  conv2d: { args: { name, x: value }, options: convolution },
  batchNorm2d: { args: { name, x: value, epsilon: optional(epsilon) } },
  relu: { args: { x: value } },
  elementwise: { args: { operator: text, x: value } },
  mul: { args: { a: value, b: value } },
  dropout: { args: { x: value } },
  add: { args: { a: value, b: value } },
  concat: { args: { xs: values } },
  maxPool2d: { args: { x: value }, options: pooling },
  avgPool2d: { args: { x: value }, options: pooling },
  adaptiveAvgPool2d: { args: { x: value, size: count } },
  flatten: { args: { x: value } },
  linear: { args: { name, x: value }, options: linear },
  written: { args: { x: value, body } },
};

function shown(given: unknown): string {
  if (isValue(given)) return "a layer's result";
  if (given instanceof Promise) return 'a Promise';
  if (typeof given === 'function') return 'a function';
  return typeof given === 'object' && given !== null ? JSON.stringify(given) : String(given);
}

function requireKind(what: string, given: unknown, { holds, wanted }: Kind): void {
  if (!holds(given)) throw new Error(`${what} is ${shown(given)}: give ${wanted}`);
}

/** @throws Error naming the layer, what of it was given, and what to give */
function requireArguments(layer: keyof Layers, given: readonly unknown[]): void {
  const { args, options } = takes[layer];
  const names = Object.keys(args);
  const call = `nn.${layer}(${[...names, ...(options ? ['options'] : [])].join(', ')})`;
  Object.entries(args).forEach(([argument, kind], i) => requireKind(`${call}: ${argument}`, given[i], kind));
  const rest = given.slice(names.length);
  if (options) requireOptions(call, names[0] === 'name' ? String(given[0]) : undefined, rest.shift(), options);
  const left = rest.find((argument) => argument !== undefined);
  if (left !== undefined) throw new Error(`${call}: nothing takes the further argument ${shown(left)}`);
}

function requireOptions(call: string, called: string | undefined, given: unknown, options: Fields): void {
  const example = Object.entries(options).flatMap(([key, { holds }]) => (holds(undefined) ? [] : [key]));
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new Error(`${call}: options is ${shown(given)}: give an object, { ${example.join(', ')} }`);
  const what = called === undefined ? call : `${call}, ${called}`;
  requireKeys(what, given, Object.keys(options));
  const fields = given as Readonly<Record<string, unknown>>;
  for (const [key, kind] of Object.entries(options)) requireKind(`${what}: ${key}`, fields[key], kind);
  for (const key of Object.keys(initials)) if (fields[key] !== undefined) requireInit(fields[key], `${what}, ${key}`);
}

const advice = '; docs/backbone.md says what to do without';

/** The same layers, which look at what they are given. */
export function checkedLayers(nn: Layers): Layers {
  const made = Object.keys(takes).map((key) => {
    const layer = key as keyof Layers;
    const call = (...given: unknown[]): unknown => {
      requireArguments(layer, given);
      const made = (nn[layer] as (...args: unknown[]) => unknown).apply(nn, given);
      if (made instanceof Promise) throw new Error(`nn.${layer}: its body returns a Promise: it must not be async`);
      return made;
    };
    return [layer, call];
  });
  return listing('nn', Object.fromEntries(made) as Layers, advice);
}
