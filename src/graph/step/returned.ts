/** What the functions of parts return, while a graph is built of it. */
import { requireKeys } from '../known-names.js';
import type { LossOutputs } from '../losses/loss.js';
import type { Value } from '../onnx/nodes.js';
import { isValue } from '../onnx/nodes.js';
import { showShape } from '../onnx/types.js';
import { graphNames, isMadeName } from '../parts/state.js';
import type { Tuples } from '../samplings/sampling.js';

type Unknown = Readonly<Record<string, unknown>>;

/** @throws Error for what a function returns that is async */
function requireNow(what: string, returned: unknown): void {
  if (returned instanceof Promise) throw new Error(`${what} returns a Promise: it must not be async`);
}

/** @throws Error for features of another shape than the head takes */
export function requireFeatures(made: unknown, featDim: number): asserts made is Value {
  requireNow('features', made);
  const shape = isValue(made) ? made.shape : undefined;
  if (shape?.length === 2 && shape[1] === featDim) return;
  throw new Error(`features returns [${String(shape?.join(', '))}] instead of [images, ${featDim}]`);
}

/** Keys of a line of metrics. */
const metricKeys = new Set([
  'kind',
  'epoch',
  'step',
  'step_seconds',
  'data_seconds',
  'gradient_norm',
  'loss_scale',
  'skipped_steps',
  'recall',
]);

/** @throws Error naming a statistic that can't be called so */
function requireStatistics(statistics: LossOutputs['statistics'], parameters: readonly string[]): void {
  for (const name of Object.keys(statistics)) {
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(name))
      throw new Error(`statistic ${name}: names are lower-case letters, digits and _, 64 at most`);
    const isTaken = metricKeys.has(name) || graphNames.has(name) || isMadeName(name);
    if (isTaken) throw new Error(`statistic ${name}: the name is taken; give it another one`);
    if (parameters.includes(name))
      throw new Error(`statistic ${name}: a parameter is called so; give it another name, such as now_${name}`);
    const ofParameter = parameters.find((parameter) => name.startsWith(`${parameter}_`));
    if (ofParameter !== undefined)
      throw new Error(
        `statistic ${name}: names that begin with ${ofParameter}_ are kept for what the optimizer of the parameter ${ofParameter} ` +
          `has as state; give it another name, such as now_${name}`,
      );
  }
}

/** @throws Error naming what a loss returns that is no scalar, or can't be called so */
export function requireOutputs(outputs: LossOutputs, parameters: readonly string[]): void {
  requireNow('a loss', outputs);
  const { loss, statistics } = (outputs ?? {}) as Partial<LossOutputs>;
  if (
    !isValue(loss) ||
    typeof statistics !== 'object' ||
    statistics === null ||
    !Object.values(statistics).every(isValue)
  ) {
    throw new Error('a loss returns { loss, statistics }: a value, and values by name');
  }
  requireKeys('what a loss returns', outputs, ['loss', 'statistics']);
  if (loss.dtype !== 'float32') throw new Error(`the loss is ${loss.dtype}: it must be float32`);
  requireScalar('the loss', loss);
  requireStatistics(statistics, parameters);
  for (const [name, value] of Object.entries(statistics)) {
    const what = `the statistic ${name}`;
    if (!['float32', 'int32'].includes(value.dtype))
      throw new Error(
        `${what} is ${value.dtype}: it must be float32 or int32; g.op('Cast', [x], { to: 'float32' }) makes it so`,
      );
    requireScalar(what, value);
  }
}

/** @throws Error that says how to make a scalar of it */
function requireScalar(what: string, { shape }: Value): void {
  if (shape.length === 0) return;
  const advice = shape.every((dim) => dim === 1)
    ? 'reshape(g, x, []) makes it so, and a parameter of one number has the shape []'
    : "g.op('ReduceMean', [x], { keepdims: 0 }) makes it so";
  throw new Error(`${what} has the shape [${shape.join(', ')}]: it must be a scalar, of shape []; ${advice}`);
}

/** What indices may be, and of which shape they are. */
interface IndexRule {
  /** How many rows there are to point into. */
  rows: number;
  into: string;
}

/** @throws Error naming the first index that points to no row */
function requireRange(what: string, indices: readonly unknown[], { rows, into }: IndexRule): void {
  const bad = indices.find((at) => !Number.isSafeInteger(at) || (at as number) < 0 || (at as number) >= rows);
  if (bad === undefined) return;
  throw new Error(
    `its ${what} have the index ${String(bad)}: give whole numbers from 0 to ${rows - 1}, rows of ${into}`,
  );
}

/** @returns their shape, [anchors, tuples of each] @throws Error for what are no indices */
function requireIndices(what: string, given: unknown, rule: IndexRule): number[] {
  if (isValue(given)) {
    const { dtype, shape, data } = given;
    if (dtype !== 'int32' || shape.length !== 2)
      throw new Error(
        `its ${what} are ${dtype} of shape ${showShape(shape)}: they are int32 indices [anchors, tuples of each]; ` +
          `g.op('Cast', [x], { to: 'int32' }) and reshape(g, x, [n, -1]) make them so`,
      );
    if (data) requireRange(what, data, rule);
    return shape as number[];
  }
  if (!Array.isArray(given) || given.length === 0 || !given.every(Array.isArray))
    throw new Error(`its ${what} are no int32 indices [anchors, tuples of each]: give a value, or a list of rows`);
  const widths = [...new Set(given.map((row: unknown[]) => row.length))];
  if (widths.length > 1 || widths[0] === 0)
    throw new Error(`its ${what} have rows of ${widths.join(' and ')} indices: give every row as many, 1 or more`);
  requireRange(what, given.flat(), rule);
  return [given.length, widths[0]!];
}

/**
 * @param batch rows that there are to point into: of the batch, and of the reference
 * @throws Error for what is no set of tuples of a kind
 */
export function requireTuples(
  tuples: unknown,
  kind: Tuples['kind'],
  batch: { embeddings: number; reference: number },
): asserts tuples is Tuples {
  requireNow('sample', tuples);
  const given = (typeof tuples === 'object' ? tuples : undefined) as Unknown | null | undefined;
  if (!given) throw new Error(`it says that it gives ${kind}, and returns ${String(tuples)}`);
  if (given['kind'] !== kind)
    throw new Error(`it says that it gives ${kind}, and returns the kind ${String(given['kind'])}: kind: '${kind}'`);
  const names = kind === 'pairs' ? ['others'] : ['positives', 'negatives'];
  requireKeys('what sample returns', given, ['kind', 'anchors', ...names, 'weights']);
  const [anchors, columns] = requireIndices('anchors', given['anchors'], {
    ...{ rows: batch.embeddings, into: 'the embeddings' },
  }) as [number, number];
  if (columns !== 1) throw new Error(`its anchors have the shape [${anchors}, ${columns}]: they are [anchors, 1]`);
  const reference = { rows: batch.reference, into: 'the reference' };
  const shapes = names.map((name) => requireIndices(name, given[name], reference));
  const wanted = [anchors, shapes[0]![1]!];
  const requireShape = (name: string, shape: Value['shape'], of: string) => {
    if (String(shape) === String(wanted)) return;
    throw new Error(`its ${name} have the shape ${showShape(shape)}: they are ${showShape(wanted)}, one ${of}`);
  };
  names.forEach((name, i) => requireShape(name, shapes[i]!, 'row of as many for each anchor'));
  const { weights } = given;
  if (weights === undefined) return;
  if (!isValue(weights) || weights.dtype !== 'float32')
    throw new Error(`its weights are no float32 value: g.constant('float32', ${showShape(wanted)}, numbers) makes one`);
  requireShape('weights', weights.shape, 'weight for each tuple');
}
