/** Whole training steps in one ONNX Loop. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import type { VectorPacking } from '../state/packing.js';

/** State tensors by name. */
export type State = Record<string, Value>;

export interface LoopedStep {
  /** The state after the step, every tensor of it. */
  state: State;
  /** float32 scalar */
  loss: Value;
  /** Further outputs by name, each a row a step. */
  rows?: Readonly<Record<string, Value>>;
}

/** How a state tensor lies while steps are taken, if not as it is given: converted before the first step and after the last. */
export type Conversions = Readonly<Record<string, Pick<VectorPacking, 'enter' | 'leave'>>>;

/**
 * Runs `step` once for each row of `labels` [steps, ...] and makes outputs: NAME_out for each state tensor after the last step,
 * `losses` [steps], and those of `rows` [steps, ...].
 *
 * @param step writes a step into the Loop's body; `row` picks this step's row of a tensor [steps, ...]
 */
export function stepLoop(
  g: GraphBuilder,
  labels: Value,
  state: State,
  step: (body: GraphBuilder, row: (data: Value) => Value, before: State) => LoopedStep,
  conversions: Conversions = {},
): void {
  const names = Object.keys(state);
  const trips = g.op('Reshape', [g.op('Shape', [labels], { start: 0, end: 1 }), g.ints([])]);
  let rowNames: string[] = [];
  const result = g.loop(
    trips,
    names.map((name) => conversions[name]?.enter(g, state[name]!) ?? state[name]!),
    (body, iteration, carried) => {
      const row = (data: Value) => body.op('Gather', [data, iteration], { axis: 0 });
      const before = Object.fromEntries(names.map((name, i) => [name, carried[i]!]));
      const after = step(body, row, before);
      const rows = { losses: after.loss, ...after.rows };
      rowNames = Object.keys(rows);
      return { carried: names.map((name) => after.state[name]!), collected: Object.values(rows) };
    },
    'steps',
  );
  names.forEach((name, i) => {
    const last = result.carried[i]!;
    g.output(`${name}_out`, conversions[name]?.leave(g, last) ?? last);
  });
  rowNames.forEach((name, i) => g.output(name, result.collected[i]!));
}
