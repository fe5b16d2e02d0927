/** What a step makes of the embeddings of its batch, whoever has computed them: tuples, the loss, and what to differentiate it by. */
import type { GraphBuilder } from '../builder/builder.js';
import { gradients } from '../builder/gradients.js';
import { listing } from '../builder/listing.js';
import { inPart } from '../declarations.js';
import type { LossOutputs } from '../losses/loss.js';
import type { Value } from '../onnx/nodes.js';
import type { Parts } from '../parts/parts.js';
import type { Tuples } from '../samplings/sampling.js';
import { requireOutputs, requireTuples } from './returned.js';
import { writePart } from './write-part.js';

export interface LossStepInputs {
  /** int32 [N] */
  labels: Value;
  /** float32 of the shape that the sampling declares; null when it declares none. */
  uniforms: Value | null;
  /** The state that the loss's parameters are in, by name. */
  own: Readonly<Record<string, Value>>;
  /** What the loss is multiplied with for the backward pass, a scalar: layers may compute in float16 then. */
  scale?: Value;
}

export interface LossStep {
  outputs: LossOutputs;
  tuples: Tuples | null;
  /** Of which gradients are taken: the loss, scaled where that is wanted. */
  scaled: Value;
  /** The loss's parameters that learn: names, values, and what errors call them. */
  learning: { names: string[]; values: Value[]; called: string[] };
  /** A gradient of `scaled` as one of the loss. */
  unscaled: (gradient: Value) => Value;
}

/** @throws Error where the loss is not made of the embeddings at all */
function requireEmbeddings(g: GraphBuilder, loss: Value, embeddings: Value): void {
  if (g.madeFrom(loss).has(embeddings.name)) return;
  throw new Error(
    'the loss does not depend on the embeddings: nothing that it is made of comes from them, so that nothing could learn',
  );
}

/** @param embeddings [N, embedDim], L2-normalized, of which gradients are wanted */
export function lossOnEmbeddings(
  g: GraphBuilder,
  embeddings: Value,
  { labels, uniforms, own, scale }: LossStepInputs,
  { sampling, loss: definition, batchK }: Pick<Parts, 'loss' | 'sampling'> & { batchK: number },
): LossStep {
  // Which tuples the loss looks at; no gradient flows through the choice.
  const fixed = { embeddings: sampling ? g.scope('sampling', () => g.stopGradient(embeddings)) : embeddings, labels };
  const tuples =
    sampling &&
    writePart(g, 'sampling', 'sampling', () => {
      const inputs = listing('inputs', { ...fixed, batchK, reference: fixed, uniforms });
      const chosen = sampling.sample(g, inputs);
      const rows = fixed.embeddings.shape[0] as number;
      requireTuples(chosen, sampling.kind, { embeddings: rows, reference: rows });
      return chosen;
    });

  // The loss, of the embeddings and its own parameters.
  const names = (definition.parameters ?? []).filter(({ learns }) => learns).map(({ name }) => name);
  const watched = names.map((name) => [name, g.watch(own[name]!)] as const);
  const parameters = listing(
    'parameters',
    { ...own, ...Object.fromEntries(watched) },
    ' (what create returns as parameters)',
  );
  const reference = { embeddings, labels };
  const outputs = writePart(g, 'loss', 'loss', () => {
    const inputs = listing('inputs', { embeddings, labels, batchK, reference, tuples, parameters });
    const made = definition.loss(g, inputs);
    requireOutputs(made, Object.keys(own));
    requireEmbeddings(g, made.loss, embeddings);
    return made;
  });

  const called = names.map((name) => `the parameter ${name}`);
  const learning = { names, values: watched.map(([, value]) => value), called };
  const scaled = scale ? g.op('Mul', [outputs.loss, scale]) : outputs.loss;
  let inverse: Value | undefined;
  const unscaled = (gradient: Value): Value =>
    scale ? g.op('Mul', [gradient, (inverse ??= g.op('Reciprocal', [scale]))]) : gradient;
  return { outputs, tuples, scaled, learning, unscaled };
}

/**
 * Of a step that goes back to its embeddings only.
 *
 * @param others further values, and what errors call each
 * @returns the gradients with respect to the embeddings and to the others
 */
export function slopesOf(
  g: GraphBuilder,
  loss: Value,
  embeddings: Value,
  others: readonly Value[],
  called: readonly string[],
): [embeddings: Value, ...others: Value[]] {
  const [targets, names] = [
    [embeddings, ...others],
    ['the embeddings', ...called],
  ];
  return inPart('loss', () => g.untracked(() => gradients(g, loss, targets, names))) as [Value, ...Value[]];
}
