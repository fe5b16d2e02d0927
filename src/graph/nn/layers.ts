/**
 * What backbones are written in: layers that find their parameters by their place in the model. A backbone is one
 * function over this interface; `training.ts` and `inference.ts` build different graphs from it.
 */
import type { GraphBuilder, Value } from '../builder/builder.js';
import type { PoolGeometry } from '../lowerings/pool.js';
import type { Pair } from '../lowerings/windows.js';
import type { Init } from '../state/state.js';
import type { ElementwiseOperator } from './elementwise.js';

/** Where a pair is taken, one number stands for both axes. */
export interface ConvOptions {
  out: number;
  kernel: number | Pair;
  stride?: number | Pair;
  padding?: number | Pair;
  /** Distance of a kernel's neighboring elements in the image; default: 1. */
  dilation?: number | Pair;
  /** Channels and outputs are divided into so many groups, each convolved by itself; as many as channels: depthwise. Default: 1. */
  groups?: number;
  /** Default: none, as before batch normalisation. */
  bias?: boolean;
  /** Of the weight; default: Kaiming normal over the outputs of a group, as torchvision's ResNets. */
  init?: Init;
  /** Default: zeros. */
  biasInit?: Init;
}

export interface LinearOptions {
  out: number;
  /** Default, as for the bias: PyTorch's own. */
  init?: Init;
  biasInit?: Init;
}

export interface PoolOptions {
  kernel: number | Pair;
  stride: number | Pair;
  padding?: number | Pair;
  ceil?: boolean;
}

/** Where nodes are written that are no layers. */
export interface WriteSite {
  g: GraphBuilder;
  /** (N, C, H, W), float32. */
  images: Value;
  /** Whether products are to be computed in float16. */
  inHalves: boolean;
  /** Tensors of the network, by names of their own in its scope. */
  param(name: string, shape: number[], init: Init): Value;
  buffer(name: string, shape: number[], init: Init): Value;
}

/** Feature maps have a layout of the implementation's own; ask `channels` instead of reading their shape. */
export interface Layers {
  /** Runs `body` with `name` (dots nest) appended to the path of parameter names. */
  scope<T>(name: string, body: () => T): T;
  channels(x: Value): number;
  conv2d(name: string, x: Value, options: ConvOptions): Value;
  /** @param epsilon PyTorch's default unless given */
  batchNorm2d(name: string, x: Value, epsilon?: number): Value;
  relu(x: Value): Value;
  /** Any other activation: an operator that works on each element by itself, whatever the layout. @throws Error for others */
  elementwise(operator: ElementwiseOperator, x: Value): Value;
  /** Products, element by element. */
  mul(a: Value, b: Value): Value;
  /** In training, zeroes elements at random and scales the others up; else nothing. */
  dropout(x: Value): Value;
  add(a: Value, b: Value): Value;
  /** Joins feature maps along their channels. */
  concat(xs: readonly Value[]): Value;
  maxPool2d(x: Value, options: PoolOptions): Value;
  avgPool2d(x: Value, options: PoolOptions): Value;
  adaptiveAvgPool2d(x: Value, size: number): Value;
  /** [N, C * H * W] in PyTorch's order (C, H, W). */
  flatten(x: Value): Value;
  /** x [N, in] -> [N, out]. */
  linear(name: string, x: Value, options: LinearOptions): Value;
  /** Feature maps -> what `body` writes of them, [N, ...], float32. */
  written(x: Value, body: (site: WriteSite) => Value): Value;
}

/** Where layers get their parameters and running statistics from, by full name. */
export interface ParameterSource {
  param(name: string, shape: number[], init: Init): Value;
  buffer(name: string, shape: number[], init: Init): Value;
}

/** Tensors of a source below the current scope. */
export function writeSite(g: GraphBuilder, source: ParameterSource, images: Value, inHalves: boolean): WriteSite {
  const path = g.path === '' ? '' : `${g.path}.`;
  return {
    ...{ g, images, inHalves },
    param: (name, shape, init) => source.param(`${path}${name}`, shape, init),
    buffer: (name, shape, init) => source.buffer(`${path}${name}`, shape, init),
  };
}

export const pair = (value: number | Pair = 0): Pair => (typeof value === 'number' ? [value, value] : value);

export const poolGeometry = ({ kernel, stride, padding = 0, ceil }: PoolOptions): PoolGeometry => ({
  kernel: pair(kernel),
  stride: pair(stride),
  padding: pair(padding),
  ceil,
});

export const ones: Init = { kind: 'constant', value: 1 };
export const zeros: Init = { kind: 'constant', value: 0 };

/** Kaiming normal, fan_out, for ReLU: std = sqrt(2 / (out * k_h * k_w)), of the `out` that an input reaches: those of its group. */
export const kaimingNormal = (out: number, [kh, kw]: Pair): Init => ({
  kind: 'normal',
  std: Math.sqrt(2 / (out * kh * kw)),
});

/** Kaiming normal, fan_in, for ReLU: std = sqrt(2 / fan_in). */
export const kaimingNormalIn = (fanIn: number): Init => ({ kind: 'normal', std: Math.sqrt(2 / fanIn) });

/** Kaiming uniform, fan_in, for ReLU: bound = sqrt(6 / fan_in). */
export const kaimingUniform = (fanIn: number): Init => ({ kind: 'uniform', bound: Math.sqrt(6 / fanIn) });

/** PyTorch's default for Linear and Conv2d, weight and bias: uniform within 1 / sqrt(fan_in). */
export const defaultUniform = (fanIn: number): Init => ({ kind: 'uniform', bound: 1 / Math.sqrt(fanIn) });

/** How a convolution's window moves, with all defaults; padded alike in front and behind. */
export const convGeometry = ({ kernel, stride = 1, padding, dilation = 1, groups = 1 }: ConvOptions) => ({
  ...{ kernel: pair(kernel), stride: pair(stride), dilation: pair(dilation), groups },
  ...{ padding: pair(padding), behind: pair(padding) },
});

/** [out, in / groups, k_h, k_w] */
export const convWeightShape = (channels: number, options: ConvOptions): number[] => {
  const { kernel, groups } = convGeometry(options);
  return [options.out, channels / groups, ...kernel];
};

/** @throws Error naming the place for groups that do not divide */
function requireGroups(path: string, channels: number, { out, groups = 1 }: ConvOptions): void {
  if (channels % groups === 0 && out % groups === 0) return;
  const wanted = `a whole number that divides its ${channels} channels and ${out} outputs`;
  throw new Error(`conv2d at ${path}: groups is ${groups}: give ${wanted}`);
}

/** The parameters of each layer, shared by all implementations so that names, shapes and order agree. */
export function convParams(
  source: ParameterSource,
  path: string,
  channels: number,
  options: ConvOptions,
): { weight: Value; bias: Value | null } {
  requireGroups(path, channels, options);
  const { out, groups = 1, bias = false, biasInit = zeros } = options;
  const init = options.init ?? kaimingNormal(out / groups, pair(options.kernel));
  const weight = source.param(`${path}.weight`, convWeightShape(channels, options), init);
  return { weight, bias: bias ? source.param(`${path}.bias`, [out], biasInit) : null };
}

export function batchNormParams(source: ParameterSource, path: string, channels: number) {
  return {
    weight: source.param(`${path}.weight`, [channels], ones),
    bias: source.param(`${path}.bias`, [channels], zeros),
    runningMean: source.buffer(`${path}.running_mean`, [channels], zeros),
    runningVar: source.buffer(`${path}.running_var`, [channels], ones),
  };
}

export function linearParams(
  source: ParameterSource,
  path: string,
  features: number,
  { out, init = defaultUniform(features), biasInit = defaultUniform(features) }: LinearOptions,
) {
  return {
    weight: source.param(`${path}.weight`, [out, features], init),
    bias: source.param(`${path}.bias`, [out], biasInit),
  };
}
