/** Reverse-mode differentiation over what a GraphBuilder recorded. */
import { showShape } from '../onnx/types.js';
import type { GraphBuilder, Value } from './builder.js';
import type { Inputs, TapeEntry } from './tape.js';
import { NoGradient, placeOf, reasonOf } from './tape.js';

/** Gradients that have arrived at values, by their names. */
type Arrived = Map<string, Value>;

/**
 * Gradients of the scalar `loss` with respect to `targets`, in their order.
 *
 * The tape is walked backwards; the gradients that reach a value from its several uses are added in that order. May be called
 * several times on one graph. What it returns is tracked: a gradient that is a part of a loss has one of its own, as with
 * PyTorch's `create_graph`. Inside of `g.untracked` it is not.
 *
 * @param called what errors call the targets; their names unless given
 * @throws Error when the loss is no scalar, or does not depend on a target, saying where the way from it ends; for what has no
 *   second derivatives where those are needed
 */
export function gradients(
  g: GraphBuilder,
  loss: Value,
  targets: readonly Value[],
  called: readonly string[] = [],
): Value[] {
  g.requireOwn('gradients', [loss, ...targets]);
  if (loss.dtype !== 'float32' || loss.shape.some((dim) => dim !== 1))
    throw new Error(`the loss must be a float32 scalar; ${loss.name} is ${loss.dtype} ${showShape(loss.shape)}`);
  const entries = [...g.tape.entries];
  const backward = () => {
    const arrived: Arrived = new Map([[loss.name, g.constant('float32', loss.shape as number[], [1])]]);
    walk(g, entries, arrived, new Set(targets.map(({ name }) => name)));
    return targets.map((target, i) => {
      const gradient = arrived.get(target.name);
      if (gradient) return gradient;
      throw new Error(`the loss does not depend on ${called[i] ?? target.name}: ${whereItEnds(g, loss, target)}`);
    });
  };
  const found = g.untracked(backward);
  if (!g.isRecording) return found;
  const own = g.untracked(() => found.map((gradient) => unused(g, gradient)));
  const outputs = own.map((gradient) => (gradient.data ? gradient : { ...gradient, tracked: true }));
  const again = () => backward().map((gradient) => unused(g, gradient));
  g.tape.add({ name: 'gradients', scope: g.path, inputs: [loss], outputs, vjp: () => [], again });
  return outputs;
}

/** The same tensor, under a name that has no gradient yet. */
const unused = (g: GraphBuilder, value: Value): Value => (g.isTaken(value.name) ? g.op('Identity', [value]) : value);

function arrive(g: GraphBuilder, arrived: Arrived, { name }: Value, gradient: Value): void {
  const before = arrived.get(name);
  arrived.set(name, before ? g.op('Add', [before, gradient]) : gradient);
}

/** Passes what has arrived at outputs of entries on to their inputs. @param kept names that are asked for afterwards */
function walk(g: GraphBuilder, entries: readonly TapeEntry[], arrived: Arrived, kept: ReadonlySet<string>): void {
  for (const entry of entries.toReversed()) {
    const { scope, inputs, outputs } = entry;
    const dys = outputs.map(({ name }) => arrived.get(name) ?? null);
    if (dys.every((dy) => dy === null)) continue;
    for (const { name } of outputs) if (!kept.has(name)) arrived.delete(name);
    g.scope(`grad.${scope}`, () => {
      if (entry.again) return walkAgain(g, entry, entry.again, dys, arrived, kept);
      partials(g, entry, dys).forEach((contribution, i) => {
        const input = inputs[i];
        if (!input?.tracked) return;
        requireFit(entry, input, contribution);
        arrive(g, arrived, input, contribution);
      });
    });
  }
}

/** Second derivatives: the walk that gave the outputs is written once more, recorded, and walked back itself. */
function walkAgain(
  g: GraphBuilder,
  { scope, outputs }: TapeEntry,
  again: () => readonly Value[],
  dys: Inputs,
  arrived: Arrived,
  kept: ReadonlySet<string>,
): void {
  const before = g.tape.entries.length;
  try {
    const values = g.recorded(again);
    const written = g.tape.entries.slice(before);
    // Equal outputs have one name, and what has arrived there is counted once.
    const names = outputs.map(({ name }) => name);
    values.forEach((value, i) => {
      if (value.tracked && dys[i] && names.indexOf(names[i]!) === i) arrive(g, arrived, value, dys[i]);
    });
    walk(g, written, arrived, kept);
  } catch (cause) {
    const reason = `what gradients returned at ${placeOf(scope)} can't be differentiated: ${reasonOf(cause)}`;
    throw new NoGradient(reason, outputs.map(({ name }) => name).join(', '), { cause });
  }
}

/** The gradients of an entry's inputs. Where they are recorded, those of one that can't be differentiated say so when it is tried. */
function partials(g: GraphBuilder, entry: TapeEntry, dys: Inputs): Inputs {
  if (!g.isRecording || !entry.isOpaque) return entry.vjp(dys);
  const { name, scope, inputs } = entry;
  const outputs = g.untracked(() => entry.vjp(dys).map((partial) => partial && unused(g, partial)));
  const tracked = outputs.map((partial) => partial && { ...partial, tracked: true });
  const refuse = () => {
    throw new Error(`${name} at ${placeOf(scope)} has no second derivatives`);
  };
  g.tape.add({ name, scope, inputs: [...inputs, ...dys], outputs: tracked.filter((x) => x !== null), vjp: refuse });
  return tracked;
}

/** @throws Error for a rule that leaves a gradient out, or gives it another shape than its value has */
function requireFit({ name, scope }: TapeEntry, input: Value, gradient: Value | null): asserts gradient is Value {
  const what = `gradient of ${name} at ${placeOf(scope)} with respect to ${input.name}`;
  if (!gradient) throw new NoGradient(`the ${what} is missing`, input.name);
  const [found, wanted] = [gradient.shape, input.shape].map(showShape);
  const isKnown = [...gradient.shape, ...input.shape].every((dim) => typeof dim === 'number');
  if (isKnown && found !== wanted) throw new Error(`the ${what} has shape ${found}; wanted: ${wanted}`);
}

/** Where the way from a value to the loss ends, in words. */
function whereItEnds(g: GraphBuilder, loss: Value, target: Value): string {
  if (!target.tracked) return 'it is not tracked; mark it with g.watch, and use the value that this returns';
  const reached = new Set([target.name]);
  for (const { inputs, outputs } of g.tape.entries) {
    if (inputs.some((x) => x?.tracked && reached.has(x.name))) for (const { name } of outputs) reached.add(name);
  }
  const used = g.madeFrom(loss);
  const ends = g.tape.cuts.filter(
    ({ inputs, outputs }) => inputs.some((name) => reached.has(name)) && outputs.some((name) => used.has(name)),
  );
  if (ends.length > 0) {
    const places = ends.map(({ name, scope }) => (scope ? `${name} at ${scope}` : name));
    return `no gradient passes ${[...new Set(places)].join(', ')}`;
  }
  const constant = g.tape.entries.find(({ again, outputs }) => again && outputs.some(({ name }) => used.has(name)));
  if (constant) return `what gradients returned at ${placeOf(constant.scope)} does not change with it`;
  return loss.tracked
    ? 'nothing between it and the loss uses it outside of g.untracked'
    : 'nothing that the loss is made of is tracked';
}
