/** The end of a step: from gradients to the next state. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import type { TrainingOptions } from '../options.js';
import type { Parts } from '../parts/parts.js';
import { lossScale } from '../parts/state.js';
import type { Packing } from '../state/packing.js';
import type { GuardOptions } from './guard.js';
import { areFinite, gradientNorm, isFiniteScalar, skipNotFinite } from './guard.js';
import type { LoopedStep, State } from './loop.js';
import { nextScale } from './loss-scale.js';
import type { StepOutputs } from './step.js';
import type { UpdateInputs } from './update.js';

/** What a step has come to. */
export interface Reached extends Pick<StepOutputs, 'loss' | 'gradient' | 'buffers'> {
  before: State;
  /** What `beginUpdate` has returned. */
  update: (inputs: UpdateInputs) => State;
  learningRate: () => UpdateInputs['learningRate'];
}

/**
 * Of gradients as they are. In mixed precision on CUDA, of the rows that they are packed in: a few launches in place of two for each
 * tensor, and of no more memory, since the update waits for these rows anyway.
 */
function normOf(
  g: GraphBuilder,
  { params, tensors }: StepOutputs['gradient'],
  scale: Value | undefined,
  { row }: Pick<Packing['places'], 'row'>,
  guards: GuardOptions,
): Value | null {
  if (!scale) return gradientNorm(g, tensors, guards);
  if (row > 1) return gradientNorm(g, [g.op('Reshape', [params, g.ints([-1, row])])], guards);
  return g.op('Div', [gradientNorm(g, tensors, guards)!, scale]);
}

/** @param scale what the loss was multiplied with, in mixed precision */
export function finishStep(
  g: GraphBuilder,
  { before, update, loss, gradient, buffers, learningRate }: Reached,
  parts: Parts,
  places: Pick<Packing['places'], 'row'>,
  options: TrainingOptions,
  scale: Value | undefined,
): { state: State; rows: NonNullable<LoopedStep['rows']> } {
  const guards = parts.scalesLoss ? { ...options, skipNotFinite: true } : options;
  const norm = normOf(g, gradient, scale, places, guards);
  const moved = update({ gradient, learningRate: learningRate(), norm });
  const after = { ...before, ...moved, buffers };
  const kept = skipNotFinite(g, { before, after, loss, norm }, guards);
  const rows: Record<string, Value> = norm ? { gradient_norms: norm } : {};
  if (!scale || !norm) return { state: kept, rows };
  const next = g.scope('loss_scale', () => {
    const finite = { isTaken: areFinite(g, [loss, norm]), isLossFinite: isFiniteScalar(g, loss) };
    return nextScale(g, before[lossScale]!, finite);
  });
  return { state: { ...kept, [lossScale]: next }, rows: { ...rows, loss_scales: scale } };
}
