/** What a part's `create` may return: modules are written by people, often without types. */
import { requireKeys } from '../known-names.js';
import type { Loss, LossParameter } from '../losses/loss.js';
import type { Backbone } from '../models/backbone.js';
import { elementCount } from '../onnx/types.js';
import type { Rule } from '../optimizers/rule.js';
import type { Sampling } from '../samplings/sampling.js';
import { requireInit } from '../state/init.js';

/** Far more than a loss has; more would not fit into memory either. */
const maxElements = 2 ** 31;

type Unknown = Readonly<Record<string, unknown>>;

const keysOf = <T>(keys: Record<keyof T, true>): string[] => Object.keys(keys);

const lossKeys = keysOf<Loss>({ takes: true, parameters: true, loss: true });
const samplingKeys = keysOf<Sampling>({ kind: true, uniforms: true, sample: true });
const backboneKeys = keysOf<Backbone>({
  ...{ features: true, lastLayer: true, imageSize: true, smallest: true, width: true },
});
const ruleKeys = keysOf<Rule>({ vectors: true, scalars: true, begin: true });
const parameterKeys = keysOf<LossParameter>({
  ...{ name: true, shape: true, init: true, learns: true, learningRate: true, optimizer: true },
});

/** Of a class of somebody's own, other fields are its business. */
const isPlain = (made: object): boolean => Object.getPrototypeOf(made) === Object.prototype;

/** @throws Error for what is no object, naming what came instead, and for keys that nothing takes */
function requireObject(made: unknown, known: readonly string[]): asserts made is Unknown {
  if (made instanceof Promise) throw new Error('create returns a Promise: it must not be async');
  if (typeof made !== 'object' || made === null)
    throw new Error(`create returns ${made === null ? 'null' : typeof made} instead of an object`);
  if (isPlain(made)) requireKeys('what create returns', made, known);
}

function requireFunction(made: Unknown, name: string): void {
  if (typeof made[name] !== 'function') throw new Error(`what create returns has no function ${name}`);
}

function requireOneOf(made: Unknown, name: string, known: readonly string[]): void {
  if (!known.includes(made[name] as string))
    throw new Error(`what create returns has ${name} ${JSON.stringify(made[name])}; known: ${known.join(', ')}`);
}

/** @throws Error for what is no list of whole dimensions of 1 or more, or of too many values */
function requireShape(shape: unknown, what: string): void {
  const isShape = Array.isArray(shape) && shape.every((dim) => Number.isSafeInteger(dim) && dim >= 1);
  if (isShape && elementCount(shape as number[]) <= maxElements) return;
  throw new Error(`${what} has the shape ${JSON.stringify(shape)}: give whole numbers of 1 or more, [] for a scalar`);
}

function requireRule(rule: unknown): asserts rule is Rule {
  requireListed(rule, 'rule', ruleKeys);
  requireFunction(rule, 'begin');
  const { vectors = [], scalars = {} } = rule;
  if (!Array.isArray(vectors) || !vectors.every((name) => typeof name === 'string'))
    throw new Error('the vectors of a rule are a list of names');
  if (typeof scalars !== 'object' || scalars === null)
    throw new Error('the scalars of a rule are shapes by their names: { count: [] }');
  for (const [name, shape] of Object.entries(scalars)) requireShape(shape, `scalar ${name} of a rule`);
}

function requireListed(entry: unknown, what: string, known: readonly string[]): asserts entry is Unknown {
  const shown = typeof entry === 'function' ? `the function ${entry.name || 'without a name'}` : String(entry);
  if (typeof entry !== 'object' || entry === null) throw new Error(`a ${what} is ${shown}: give an object`);
  if (Array.isArray(entry)) throw new Error(`a ${what} is a list: give an object; ...list puts in what a list has`);
  if (isPlain(entry)) requireKeys(`a ${what}`, entry, known);
}

/** @throws Error for what is no chain of rules */
export function requireRules(made: unknown): asserts made is readonly Rule[] {
  if (made instanceof Promise) throw new Error('create returns a Promise: it must not be async');
  if (!Array.isArray(made)) throw new Error('an optimizer is a list of rules');
  made.forEach((rule) => requireRule(rule));
}

function requireParameter(parameter: unknown): asserts parameter is LossParameter {
  requireListed(parameter, 'parameter', parameterKeys);
  const { name, shape, init, learns, learningRate, optimizer } = parameter;
  if (typeof name !== 'string') throw new Error(`a parameter's name is ${String(name)}: give a text`);
  const what = `parameter ${name}`;
  requireShape(shape, what);
  requireInit(init, what);
  if (typeof learns !== 'boolean') throw new Error(`${what}: learns is ${String(learns)}: give true or false`);
  if (!Number.isFinite(learningRate) || (learningRate as number) < 0)
    throw new Error(`${what}: learningRate is ${String(learningRate)}: give a number of 0 or more`);
  if (optimizer !== undefined) requireRules(optimizer);
}

/** @throws Error for what is no loss */
export function requireLoss(made: unknown): asserts made is Loss {
  requireObject(made, lossKeys);
  requireOneOf(made, 'takes', ['triplets', 'pairs', 'nothing']);
  requireFunction(made, 'loss');
  const { parameters = [] } = made;
  if (!Array.isArray(parameters)) throw new Error("a loss's parameters are a list");
  parameters.forEach((parameter) => requireParameter(parameter));
}

/** @throws Error for what is no sampling */
export function requireSampling(made: unknown): asserts made is Sampling {
  requireObject(made, samplingKeys);
  requireOneOf(made, 'kind', ['triplets', 'pairs']);
  requireFunction(made, 'sample');
  if (made['uniforms'] !== undefined) requireFunction(made, 'uniforms');
}

/** @throws Error for what is no shape of random numbers */
export function requireUniforms(shape: unknown): asserts shape is number[] {
  requireShape(shape, 'what uniforms returns');
}

/** @throws Error for what is no backbone */
export function requireBackbone(made: unknown): asserts made is Backbone {
  requireObject(made, backboneKeys);
  requireFunction(made, 'features');
  const { lastLayer, imageSize, smallest } = made;
  if (lastLayer !== null && (typeof lastLayer !== 'string' || lastLayer === ''))
    throw new Error('what create returns has no text lastLayer');
  if (made['width'] !== undefined) requireFunction(made, 'width');
  for (const [name, size] of Object.entries({ imageSize, smallest })) {
    if (!Number.isSafeInteger(size) || (size as number) < 1)
      throw new Error(`what create returns has ${name} ${String(size)}: give a whole number of 1 or more`);
  }
}
