/** The update of a step: what the optimizer makes of the gradients. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { clip } from '../optimizers/clip.js';
import { learningRate, slowerBody } from '../optimizers/learning-rate.js';
import type { Rule, Updated } from '../optimizers/rule.js';
import { begin, scalarsOf, vectorsOf } from '../optimizers/rule.js';
import type { TrainingOptions } from '../options.js';
import type { StateParts } from '../parts/state.js';
import type { Packing } from '../state/packing.js';
import type { State } from './loop.js';
import { writePart } from './write-part.js';

export interface UpdateInputs {
  /** Flat, and of the loss's parameters that learn, by name. */
  gradient: { params: Value; own: Readonly<Record<string, Value>> };
  /** Scalars: of the network, and of the loss's parameters by name. */
  learningRate: { network: Value; own: Readonly<Record<string, Value>> };
  /** Of the network's gradient, for clipping. */
  norm: Value | null;
}

export type UpdateOptions = Pick<TrainingOptions, 'backboneLrMult' | 'clipNorm'>;

/** A chain over tensors of the state; `nameOf` tells what each of the chain's own is called in it. */
function beginOn(
  g: GraphBuilder,
  rules: readonly Rule[],
  state: State,
  parameter: string,
  nameOf: (own: string) => string,
) {
  const kept = [...vectorsOf(rules), ...scalarsOf(rules).map(([name]) => name)];
  const own = Object.fromEntries(kept.map((name) => [name, state[nameOf(name)]!]));
  const advance = begin(g, rules, { parameter: state[parameter]!, state: own });
  return (gradient: Value, rate: Value, norm: Value | null): State => {
    const next: Updated = advance({ direction: gradient, learningRate: rate, norm });
    const renamed = Object.entries(next.state).map(([name, value]) => [nameOf(name), value]);
    return { [parameter]: next.parameter, ...(Object.fromEntries(renamed) as State) };
  };
}

/**
 * The whole update: the network by its optimizer, each of the loss's parameters by its own. Call it before the network is
 * built, and what it returns with the gradient: see `Rule.begin`.
 *
 * @param places the network's layout, or its vectors' as they are packed
 * @returns the new values of the state that changes, by name
 */
export function beginUpdate(
  g: GraphBuilder,
  state: State,
  places: Pick<Packing['places'], 'bodyCount' | 'paramCount'> & { row?: number },
  parts: StateParts,
  { backboneLrMult, clipNorm }: UpdateOptions,
): (inputs: UpdateInputs) => State {
  const chain = [...clip(clipNorm), ...parts.optimizer, slowerBody(backboneLrMult, places)];
  const network = writePart(g, 'optimizer', 'optimizer', () => beginOn(g, chain, state, 'params', (name) => name));
  const learning = (parts.loss.parameters ?? []).filter(({ learns }) => learns);
  const own = learning.map(({ name, optimizer = parts.ownRules }) => {
    const scope = `optimizer_${name}`;
    const rules = [...optimizer, learningRate];
    const advance = writePart(g, 'loss', scope, () => beginOn(g, rules, state, name, (kept) => `${name}_${kept}`));
    return { name, scope, advance };
  });
  return ({ gradient, learningRate: rates, norm }) => {
    const moved = writePart(g, 'optimizer', 'optimizer', () => network(gradient.params, rates.network, norm));
    const others = own.map(({ name, scope, advance }) =>
      writePart(g, 'loss', scope, () => advance(gradient.own[name]!, rates.own[name]!, null)),
    );
    return Object.assign(moved, ...others) as State;
  };
}
