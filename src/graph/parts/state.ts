/** The whole state of a training, part by part. */
import type { LossParameter } from '../losses/loss.js';
import type { Rule } from '../optimizers/rule.js';
import { scalarsOf, vectorsOf } from '../optimizers/rule.js';
import { inPart } from '../declarations.js';
import type { NamedShape, NetworkLayout } from '../state/state.js';
import type { Parts } from './parts.js';

/** One vector (or scalar) of the training state: an input `name` and an output `name_out` of the training graphs. */
export interface StateTensor extends NamedShape {
  /** What it is made of, one after the other, by the names that checkpoints give them. */
  tensors: readonly NamedShape[];
}

const nameRule = /^[a-z][a-z0-9_]{0,63}$/;

/** Names of what else goes in and out of the training graphs. */
export const graphNames: ReadonlySet<string> = new Set([
  ...['images', 'labels', 'uniforms', 'dropout', 'lr', 'params', 'buffers', 'loss', 'losses', 'gradients'],
  ...[
    'gradient_norms',
    'embeddings',
    'anchors',
    'positives',
    'negatives',
    'others',
    'weights',
    'skipped',
    'loss_scale',
    'loss_scales',
  ],
]);

/** Names that are made of others: learning rates, states after a step, gradients. */
export const isMadeName = (name: string): boolean => /^lr_|_out$|_gradient$/.test(name);

/** @throws Error for a name that is no name, or that something else has */
function requireNames(names: readonly string[], others: readonly string[] = []): void {
  names.forEach((name, i) => {
    if (!nameRule.test(name)) throw new Error(`state ${name}: names are lower-case letters, digits and _, 64 at most`);
    const isTaken = names.indexOf(name) < i || others.includes(name) || graphNames.has(name) || isMadeName(name);
    if (isTaken) throw new Error(`state ${name}: the name is taken; give it another one`);
  });
}

const single = (name: string, shape: readonly number[], tensor = name): StateTensor => ({
  name,
  shape: [...shape],
  tensors: [{ name: tensor, shape: [...shape] }],
});

/** State of a loss's parameter: itself, and what its optimizer keeps, as NAME_vector. */
function parameterState({ name, shape }: LossParameter, rules: readonly Rule[]): StateTensor[] {
  return [
    single(name, shape),
    ...vectorsOf(rules).map((vector) => single(`${name}_${vector}`, shape)),
    ...scalarsOf(rules).map(([scalar, own]) => single(`${name}_${scalar}`, own)),
  ];
}

/** What of the parts has state. */
export type StateParts = Pick<Parts, 'loss' | 'optimizer' | 'ownRules'> & Partial<Pick<Parts, 'scalesLoss'>>;

/** Of the loss, and steps since it changed; see `step/loss-scale.ts`. */
export const lossScale = 'loss_scale';

/** PyTorch's defaults (torch.cuda.amp.GradScaler): doubled after so many steps without an overflow, halved at each. */
export const scaling = { initial: 2 ** 16, growth: 2, backoff: 0.5, interval: 2000 } as const;

/** The state `loss_scale` that a training begins with. */
export const firstScale = (): Float32Array => Float32Array.of(scaling.initial, 0);

/**
 * Every state tensor of a run, in the order of the graphs' inputs and outputs.
 *
 * @throws PartError for names of a loss's parameters or an optimizer's state that are taken
 */
export function stateTensors(
  layout: NetworkLayout,
  { loss, optimizer, ownRules, scalesLoss }: StateParts,
): StateTensor[] {
  const { params, buffers, paramCount, bufferCount } = layout;
  const ofLoss = (loss.parameters ?? []).flatMap((parameter) =>
    parameterState(parameter, parameter.optimizer ?? ownRules),
  );
  const ofOptimizer = [
    ...vectorsOf(optimizer).map((vector) => ({
      name: vector,
      shape: [paramCount],
      tensors: params.map(({ name, shape }) => ({ name: `optimizer.${vector}.${name}`, shape })),
    })),
    ...scalarsOf(optimizer).map(([name, shape]) => single(name, shape, `optimizer.${name}`)),
  ];
  const [lossNames, optimizerNames] = [ofLoss, ofOptimizer].map((some) => some.map(({ name }) => name));
  inPart('optimizer', () => requireNames(optimizerNames!));
  inPart('loss', () => requireNames(lossNames!, optimizerNames));
  return [
    { name: 'params', shape: [paramCount], tensors: params },
    { name: 'buffers', shape: [bufferCount], tensors: buffers },
    ...ofLoss,
    ...ofOptimizer,
    ...(scalesLoss ? [single(lossScale, [2])] : []),
  ];
}
