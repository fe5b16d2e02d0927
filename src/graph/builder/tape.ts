/** What a GraphBuilder records so that `gradients` can walk back. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import type { Attributes } from '../onnx/types.js';
import { isContinuous } from '../onnx/types.js';
import type { Gradient, GradientRule } from '../operators/operator.js';

/** Of a node; null for an optional one that is left out. */
export type Inputs = readonly (Value | null)[];

/** One differentiable operation: given the gradients of its outputs, those of its inputs. */
export interface TapeEntry {
  /** The operator, or what a composite entry is made of. */
  name: string;
  scope: string;
  inputs: Inputs;
  outputs: readonly Value[];
  /**
   * Called once for each call of `gradients`, with the summed gradients of the outputs, at least one of them not null; returns
   * null where an input gets none (it is not `tracked`).
   */
  vjp: (gradients: Inputs) => Inputs;
  /** Its `vjp` may read what was not recorded: what it returns can't be differentiated. */
  isOpaque?: boolean;
  /** Of what `gradients` returned, instead of its `vjp`: writes the outputs once more, recorded. */
  again?: () => readonly Value[];
}

/** A place where the way of a gradient ends, by definition or by request. */
export interface Cut {
  /** The operator, or `stopGradient`. */
  name: string;
  scope: string;
  inputs: readonly string[];
  outputs: readonly string[];
}

/** A node that has been written. */
export interface Written {
  type: OperatorName;
  scope: string;
  inputs: Inputs;
  attributes: Attributes;
  outputs: readonly Value[];
}

const namesOf = (values: Inputs): string[] => [...new Set(values.flatMap((x) => (x?.tracked ? [x.name] : [])))];

export const placeOf = (scope: string): string => scope || 'the top of the graph';

/** A gradient that nothing gives, with what to do. */
export class NoGradient extends Error {
  constructor(
    readonly reason: string,
    wanted: string,
    options?: ErrorOptions,
  ) {
    super(
      `${reason}, and a gradient has to flow through ${wanted}. Pass it through g.stopGradient if none is wanted.`,
      options,
    );
  }
}

/** What an error says, without what to do about it. */
export const reasonOf = (error: unknown): string =>
  error instanceof NoGradient ? error.reason : (error as Error).message;

/** @throws Error when a gradient would have to flow through one of `inputs` where there is no rule for it */
export function refuse(what: string, inputs: Inputs): void {
  const tracked = namesOf(inputs);
  if (tracked.length > 0) throw new NoGradient(what, tracked.join(', '));
}

/** Where tracked values become other tracked values, and where they end. */
export class Tape {
  readonly entries: TapeEntry[] = [];
  /** Where tracked values went in and untracked ones came out. */
  readonly cuts: Cut[] = [];
  private readonly made = new Set<string>();

  /** Whether an entry gives the value of this name its gradient. */
  makes(name: string): boolean {
    return this.made.has(name);
  }

  add(entry: TapeEntry): readonly Value[] {
    this.entries.push(entry);
    for (const { name } of entry.outputs) this.made.add(name);
    return entry.outputs;
  }

  cut(name: string, scope: string, inputs: Inputs, outputs: readonly Value[]): void {
    this.cuts.push({ name, scope, inputs: namesOf(inputs), outputs: outputs.map((value) => value.name) });
  }

  /**
   * Adds a node by its operator's row, if an input is tracked.
   *
   * @returns its outputs, tracked where a gradient flows through them; the way ends at the others, indices for example
   * @throws Error for an operator that has no rule
   */
  record(g: Nodes, gradient: Gradient, node: Written): readonly Value[] {
    const { type, scope, inputs, outputs } = node;
    if (!inputs.some((x) => x?.tracked)) return outputs;
    if ('none' in gradient) refuse(`${type} at ${placeOf(scope)} has no gradient rule (${gradient.none})`, inputs);
    const passes = ({ dtype }: Value) => typeof gradient === 'function' && isContinuous(dtype);
    const ends = outputs.filter((value) => !passes(value));
    if (ends.length > 0) this.cut(type, scope, inputs, ends);
    if (typeof gradient !== 'function' || ends.length === outputs.length) return outputs;
    const tracked = outputs.map((value) => (passes(value) ? { ...value, tracked: true } : value));
    const vjp = vjpOf(g, gradient, { ...node, outputs: tracked });
    return this.add({ name: type, scope, inputs, outputs: tracked, vjp });
  }
}

/** The rule, asked for the gradients of those inputs that want one. */
function vjpOf(g: Nodes, rule: GradientRule, { type, scope, inputs, attributes, outputs }: Written): TapeEntry['vjp'] {
  const what = `gradient of ${type} at ${placeOf(scope)}`;
  const ask = <T>(write: () => T): T => {
    try {
      return write();
    } catch (cause) {
      throw new NoGradient(`${what}: ${reasonOf(cause)}`, namesOf(inputs).join(', '), { cause });
    }
  };
  return (dys) => {
    const dy = dys.find((gradient) => gradient !== null)!;
    const call = { g, x: inputs as readonly Value[], y: outputs[0]!, outputs, attributes, dy, dys };
    const partials = ask(() => rule(call));
    return inputs.map((input, i) => {
      if (!input?.tracked) return null;
      const partial = partials[i];
      if (!partial) throw new NoGradient(`${what}: there is none with respect to its input ${i}`, input.name);
      return ask(partial);
    });
  };
}
