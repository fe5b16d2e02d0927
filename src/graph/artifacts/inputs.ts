/** What goes into the models of a training, by its options. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import { inPart } from '../declarations.js';
import type { TrainingOptions } from '../options.js';
import { requireUniforms } from '../parts/contracts.js';
import type { Parts } from '../parts/parts.js';
import { stateTensors } from '../parts/state.js';
import type { NetworkLayout } from '../state/state.js';
import type { State } from '../step/loop.js';

/** How many random bytes dropout takes a step: one an element; 0 without dropout. */
export const dropoutBytes = (layout: NetworkLayout, { dropout, batchSize }: TrainingOptions): number =>
  dropout > 0 ? layout.dropoutCount * batchSize : 0;

/** Shape of the random numbers that the sampling takes a step; null for none. */
export const uniformsShape = ({ sampling }: Parts, options: TrainingOptions): number[] | null =>
  sampling?.uniforms
    ? inPart('sampling', () => {
        const shape = sampling.uniforms!(options);
        requireUniforms(shape);
        return shape;
      })
    : null;

/** Names of the loss's parameters that learn: each has a learning rate, the input `lr_NAME`. */
export const learningParameters = ({ loss }: Pick<Parts, 'loss'>): string[] =>
  (loss.parameters ?? []).filter(({ learns }) => learns).map(({ name }) => name);

/** Names of the loss's parameters. */
export const rateNames = ({ loss }: Parts): string[] => (loss.parameters ?? []).map(({ name }) => name);

export const stateInputs = (
  g: GraphBuilder,
  layout: NetworkLayout,
  parts: Parts,
  wanted: (name: string) => boolean,
): State =>
  Object.fromEntries(
    stateTensors(layout, parts)
      .filter(({ name }) => wanted(name))
      .map(({ name, shape }) => [name, g.input(name, 'float32', shape)]),
  );

/** The loss's own parameters among the state. */
export const ownOf = (state: State, { loss }: Parts): State =>
  Object.fromEntries((loss.parameters ?? []).map(({ name }) => [name, state[name]!]));

/** Learning rates: `lr`, then `lr_NAME` of each of the loss's parameters. */
export function rateInputs(g: GraphBuilder, parts: Parts, shape: string[]): { network: Value; own: State } {
  const network = g.input('lr', 'float32', shape);
  const own = rateNames(parts).map((name) => [name, g.input(`lr_${name}`, 'float32', shape)]);
  return { network, own: Object.fromEntries(own) as State };
}
