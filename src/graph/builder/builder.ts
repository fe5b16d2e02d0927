/**
 * GraphBuilder: writes ONNX nodes with checked static shapes, named after their place in the model, and records what
 * `gradients` needs to differentiate them.
 */
import { encodeAttributes, requireAttributes } from '../onnx/attributes.js';
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { prune, reads } from '../onnx/prune.js';
import type { GraphProto, ModelProto, NodeProto, ValueInfoProto } from '../onnx/schema.js';
import { valueInfo } from '../onnx/schema.js';
import type { Attributes, Dim, DType, Shape } from '../onnx/types.js';
import { isContinuous, rawData, showShape } from '../onnx/types.js';
import { irVersion, opset } from '../onnx/version.js';
import { operators } from '../operators/index.js';
import type { Operator, TypedShape } from '../operators/operator.js';
import { requireInputs } from '../operators/operator.js';
import { requireCountable, TooLargeError } from './too-large.js';
import { wideGemm, widens } from './wide-gemm.js';
import type { Precision, Provider } from '../options.js';
import { providers } from '../options.js';
import { Initializers } from './initializers.js';
import { mayShareMemory } from './shared-memory.js';
import type { Inputs } from './tape.js';
import { refuse, Tape } from './tape.js';
import { requireValues } from './values.js';

export type { Value } from '../onnx/nodes.js';

/** What `traceNode` looks for, and has found. */
let traced: { name: string; stack?: string } | undefined;

/** The stack of the call that makes the node `name` while `build` runs: what an error of a runtime names is found that way. */
export function traceNode(name: string, build: () => void): string | undefined {
  const looked: { name: string; stack?: string } = { name };
  const outer = traced;
  traced = looked;
  try {
    build();
  } finally {
    traced = outer;
  }
  return looked.stack;
}

/** What a training's options say of all of its graph. */
export interface BuilderSettings {
  /** Whether gradients have to come out the same each time on CUDA. */
  deterministic?: boolean;
  precision?: Precision;
  /** Images that are embedded at a time, where that is not all of the batch. */
  microBatch?: number;
}

/**
 * ONNX Runtime 1.29 joins a Gemm and a Transpose behind it into a Gemm of the turned factors, whatever the Transpose's `perm` is: one that moves nothing
 * came out as one that swaps the axes.
 */
const movesNothing = ({ shape }: Value, { perm }: Attributes): boolean =>
  perm === undefined ? shape.length < 2 : (perm as readonly number[]).every((axis, i) => axis === i);

export class GraphBuilder implements Nodes {
  /** What `gradients` walks. @internal */
  readonly tape = new Tape();
  private readonly nodes: NodeProto[] = [];
  private readonly own = Symbol('graph');
  private readonly initializers: Initializers;
  private readonly inputs: ValueInfoProto[] = [];
  private readonly outputs: ValueInfoProto[] = [];
  private readonly nameCounts = new Map<string, number>();
  /** What each Reshape's output was made from. */
  private readonly reshaped = new Map<string, Value>();
  private readonly watched = new Set<string>();
  private scopes: string[] = [];
  private records = true;
  private isClosed = false;

  /**
   * @param provider where the graph will run: picks the lowerings of gradients
   * @param prefix put before every name: a subgraph's names must differ from those of the graph around it
   * @param around the graphs around it, whose values a subgraph may use
   */
  constructor(
    readonly provider: Provider = 'cpu',
    private readonly prefix = '',
    private readonly around: readonly symbol[] = [],
    private readonly settings: BuilderSettings = {},
  ) {
    if (!providers.includes(provider))
      throw new Error(`provider ${String(provider)}: give one of ${providers.join(', ')}`);
    this.initializers = new Initializers(prefix, this.own);
  }

  get deterministic(): boolean {
    return this.settings.deterministic ?? false;
  }

  get isDivided(): boolean {
    return this.settings.microBatch !== undefined;
  }

  /** Runs `body` with `name` appended to the path that node names carry and errors mention; dots nest. */
  scope<T>(name: string, body: () => T): T {
    const outer = this.scopes;
    this.scopes = [...outer, ...name.split('.')];
    try {
      return body();
    } finally {
      this.scopes = outer;
    }
  }

  /** The current place in the model, for example `base_net.layer3.2.conv1`. */
  get path(): string {
    return this.scopes.join('.');
  }

  /** Runs `body`, which may add nodes only: what goes in and out of the graph is not its business. @internal */
  closed<T>(body: () => T): T {
    return this.during('isClosed', true, body);
  }

  private during<T>(mode: 'isClosed' | 'records', on: boolean, body: () => T): T {
    const outer = this[mode];
    this[mode] = on;
    try {
      return body();
    } finally {
      this[mode] = outer;
    }
  }

  private requireOpen(call: string, instead: string): void {
    if (!this.isClosed) return;
    throw new Error(`${call}: a part of a training adds nothing that goes in or out of its graph; ${instead}`);
  }

  input(name: string, dtype: DType, shape: Shape): Value {
    this.requireOpen(
      `g.input('${name}')`,
      'g.constant holds numbers, and what changes is a parameter or comes from uniforms',
    );
    this.inputs.push(valueInfo(name, dtype, shape));
    return { name, dtype, shape, tracked: false, graph: this.own };
  }

  /** Makes `value` an output called `name`. */
  output(name: string, value: Value): void {
    this.requireOpen(`g.output('${name}')`, 'return what is to be seen among the statistics of a loss');
    this.requireOwn(`output ${name}`, [value]);
    this.nodes.push({ input: [value.name], output: [name], name: `/out/${name}`, opType: 'Identity', attribute: [] });
    this.outputs.push(valueInfo(name, value.dtype, value.shape));
  }

  /** The same tensor, from here on something that gradients are wanted for. @throws Error unless it is float32 */
  watch(value: Value): Value {
    this.requireOwn('watch', [value]);
    if (!isContinuous(value.dtype)) throw new Error(`${value.name} is ${value.dtype}: only float32 has gradients`);
    // Behind stopGradient it has the name of a value that has a gradient of its own: it needs another.
    const leaf = !value.tracked && this.tape.makes(value.name) ? this.op('Identity', [value]) : value;
    this.watched.add(leaf.name);
    return { ...leaf, tracked: true };
  }

  /** The same tensor, through which no gradient flows (PyTorch's `detach`). */
  stopGradient(value: Value): Value {
    if (value.tracked) this.tape.cut('stopGradient', this.path, [value], [value]);
    return { ...value, tracked: false };
  }

  /** Runs `body` without recording: what it returns is not tracked (PyTorch's `no_grad`). */
  untracked<T>(body: () => T): T {
    return this.during('records', false, body);
  }

  /** Runs `body` with recording, also inside of `untracked`. @internal */
  recorded<T>(body: () => T): T {
    return this.during('records', true, body);
  }

  /** Whether what is written is recorded. @internal */
  get isRecording(): boolean {
    return this.records;
  }

  /** Whether a value of this name has a gradient already, or is one that gradients are wanted for. @internal */
  isTaken(name: string): boolean {
    return this.tape.makes(name) || this.watched.has(name);
  }

  /** A constant; equal ones share one initializer. Scalars have shape []. */
  constant(dtype: DType, shape: readonly number[], values: ArrayLike<number>): Value {
    return this.initializers.constant(dtype, shape, values);
  }

  /** A named float32 initializer: a weight that is part of the model. */
  weight(name: string, shape: readonly number[], values: Float32Array): Value {
    return this.tensor(name, 'float32', shape, rawData('float32', values));
  }

  /** A named initializer of any type, from its little-endian bytes. */
  tensor(name: string, dtype: DType, shape: readonly number[], bytes: Uint8Array): Value {
    return this.initializers.tensor(name, dtype, shape, bytes);
  }

  scalar(value: number, dtype: DType = 'float32'): Value {
    return this.constant(dtype, [], [value]);
  }

  ints(values: readonly number[]): Value {
    if (!Array.isArray(values)) throw new Error(`g.ints takes a list of whole numbers, and is given ${String(values)}`);
    return this.constant('int64', [values.length], values);
  }

  /**
   * Adds a node with one output, tracked where an input is: its gradient is that of the operator's row in `operators/`.
   *
   * @throws Error naming the operator, the shapes and the place when they do not fit, and for an operator that has no gradient
   *   rule on a tracked value
   */
  op(type: OperatorName, inputs: readonly (Value | null)[], attributes: Attributes = {}): Value {
    return this.ops(type, inputs, attributes, 1)[0]!;
  }

  /** Adds a node with several outputs. @throws as `op` */
  ops(type: OperatorName, inputs: readonly (Value | null)[], attributes: Attributes, outputs: number): Value[] {
    const row = this.rowOf(type);
    const types = this.infer(type, row, inputs, attributes, outputs);
    const values =
      type === 'Reshape'
        ? [this.reshape(inputs as Value[], types[0]!)]
        : type === 'Transpose' && movesNothing(inputs[0]!, attributes)
          ? this.node('Identity', operators.Identity, inputs, {}, types)
          : type === 'Gemm' && widens(this.provider, this.settings.precision, inputs)
            ? this.untracked(() => [wideGemm(this, inputs, attributes)])
            : this.node(type, row, inputs, attributes, types);
    if (!this.records) return values;
    const node = { type, scope: this.path, inputs, attributes, outputs: values };
    return [...this.tape.record(this, row.gradient, node)];
  }

  /**
   * A Reshape of a Reshape is one of what that was made from: ONNX Runtime would join them, and change its order of nodes. Not
   * where a 0 stands for a dimension of the value in between.
   */
  private reshape([x, target]: Value[], type: TypedShape): Value {
    const source = (target!.data?.includes(0) ? undefined : this.reshaped.get(x!.name)) ?? x!;
    const [value] = this.node('Reshape', operators.Reshape, [source, target!], {}, [type]);
    this.reshaped.set(value!.name, source);
    return value!;
  }

  private node(
    type: OperatorName,
    row: Operator,
    inputs: readonly (Value | null)[],
    attributes: Attributes,
    types: TypedShape[],
  ): Value[] {
    const stem = this.unique([...this.scopes, type].join('/'));
    if (traced?.name === stem) traced.stack ??= new Error().stack;
    const values = types.map(({ dtype, shape }, i) => ({
      name: types.length > 1 ? `${stem}:${i}` : stem,
      dtype,
      shape,
      tracked: false,
      graph: this.own,
    }));
    this.nodes.push({
      input: inputs.map((x) => x?.name ?? ''),
      output: values.map((v) => v.name),
      name: stem,
      opType: type,
      attribute: encodeAttributes(row.attributes, attributes),
    });
    return values;
  }

  /**
   * Adds a Loop node: `body` maps (iteration, carried values) to (new carried values, one row of each collected output).
   * The body may use every value of this graph. Gradients are taken inside of the body: none flows through the Loop.
   *
   * @param trips int64 scalar
   * @returns the final carried values, then the collected rows stacked along a new first axis named `steps`
   * @throws Error when a gradient would have to flow through the Loop
   */
  loop(
    trips: Value,
    carried: readonly Value[],
    body: (g: GraphBuilder, iteration: Value, carried: Value[]) => { carried: Value[]; collected: Value[] },
    steps: Dim,
  ): { carried: Value[]; collected: Value[] } {
    const stem = this.unique([...this.scopes, 'Loop'].join('/'));
    this.requireOwn(stem, [trips, ...carried]);
    this.refuse(stem, carried);
    const inner = new GraphBuilder(this.provider, `${stem}/`, [this.own, ...this.around], this.settings);
    const iteration = inner.input(`${stem}/iteration`, 'int64', []);
    inner.input(`${stem}/condition_in`, 'bool', []);
    const inside = carried.map((v, i) => inner.input(`${stem}/carried_${i}`, v.dtype, v.shape));
    const result = body(inner, iteration, inside);
    inner.output(`${stem}/condition_out`, inner.constant('bool', [], [1]));
    const rows = [...result.carried, ...result.collected];
    const isFromOutside = (x: Value | null) => !!x && !inner.isTaken(x.name);
    if (rows.some(({ tracked }) => tracked)) {
      this.refuse(stem, [...rows, ...inner.tape.entries.flatMap(({ inputs }) => inputs)].filter(isFromOutside));
    }
    for (const cut of inner.tape.cuts) this.tape.cuts.push(cut);
    const collected = result.collected.map((v) =>
      mayShareMemory(v.name, inner.nodes, inner.initializers.list) ? inner.op('Max', [v, v]) : v,
    );
    [...result.carried, ...collected].forEach((v, i) => inner.output(`${stem}/result_${i}`, v));
    const outputs: Value[] = rows.map((v, i) => ({
      name: `${stem}:${i}`,
      dtype: v.dtype,
      shape: i < carried.length ? v.shape : [steps, ...v.shape],
      tracked: false,
      graph: this.own,
    }));
    this.nodes.push({
      input: [trips.name, '', ...carried.map((v) => v.name)],
      output: outputs.map((v) => v.name),
      name: stem,
      opType: 'Loop',
      attribute: [{ name: 'body', type: 5, g: inner.graph('body') }],
    });
    return { carried: outputs.slice(0, carried.length), collected: outputs.slice(carried.length) };
  }

  private refuse(loop: string, values: readonly (Value | null)[]): void {
    if (this.records) refuse(`${loop} has no gradient rule`, values);
  }

  /**
   * Records an operation with a gradient of its own, made of several nodes, as one entry.
   *
   * @param output computed from `inputs` inside of `untracked`
   * @param vjp the gradients of `inputs` from that of `output`; null for an input that is not `tracked`
   * @param options `again`: `vjp` reads nothing but `inputs` and its argument, so that second derivatives follow from its nodes;
   *   without, there are none
   * @returns `output`, tracked when any input is
   * @throws Error for an output that has a gradient already, or is one of the inputs
   */
  differentiable(
    inputs: readonly Value[],
    output: Value,
    vjp: (gradient: Value) => (Value | null)[],
    { again = false }: { again?: boolean } = {},
  ): Value {
    this.requireOwn('differentiable', [...inputs, output]);
    if (!this.records || !inputs.some((x) => x.tracked)) return output;
    if (output.tracked || this.isTaken(output.name))
      throw new Error(`${output.name} has a gradient already: compute it inside of g.untracked`);
    if (inputs.some(({ name }) => name === output.name))
      throw new Error(`${output.name} is an input and the output of one operation: pass it through Identity`);
    const name = 'a composite operation';
    const outputs = [{ ...output, tracked: true }];
    const entry = { name, scope: this.path, inputs, outputs, vjp: ([dy]: Inputs) => vjp(dy!), isOpaque: !again };
    return this.tape.add(entry)[0]!;
  }

  /** @throws Error for a value of another graph, which would be taken for one of this graph that has its name @internal */
  requireOwn(what: string, values: readonly (Value | null)[]): void {
    const isOwn = (x: Value | null) => !x || x.graph === this.own || this.around.includes(x.graph);
    const other = values.find((x) => !isOwn(x));
    if (other)
      throw new Error(`${what}: ${other.name} is a value of another graph: make it with this g, each time anew`);
  }

  /** Names of all values that `value` is made of, itself included. @internal */
  madeFrom(value: Value): ReadonlySet<string> {
    const names = new Set([value.name]);
    for (const node of this.nodes.toReversed())
      if (node.output.some((name) => names.has(name))) for (const name of reads(node)) names.add(name);
    return names;
  }

  /** The finished graph, without what no output depends on. */
  graph(name: string): GraphProto {
    return prune({
      name,
      node: this.nodes,
      initializer: this.initializers.list,
      input: this.inputs,
      output: this.outputs,
    });
  }

  /** The finished model. */
  model(name: string, metadata: Record<string, string> = {}): ModelProto {
    return {
      irVersion,
      producerName: 'dws',
      graph: this.graph(name),
      opsetImport: [{ domain: '', version: opset }],
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    };
  }

  private rowOf(type: OperatorName): Operator {
    if (Object.hasOwn(operators, type)) return operators[type];
    throw new Error(`there is no operator ${type} here: docs/operators.md lists those that there are, to make it of`);
  }

  private infer(
    type: OperatorName,
    row: Operator,
    inputs: readonly (Value | null)[],
    attributes: Attributes,
    outputs: number,
  ): TypedShape[] {
    const place = this.path || 'the top of the graph';
    if (!Array.isArray(inputs)) throw new Error(`${type} at ${place}: its inputs must be a list of values`);
    requireValues(`${type} at ${place}`, inputs);
    this.requireOwn(`${type} at ${place}`, inputs);
    try {
      requireInputs(row, inputs);
      requireAttributes(row.attributes, attributes);
      const types = row.shape(inputs, attributes, outputs);
      if (types.length < outputs) throw new Error(`${outputs} outputs are wanted; it has ${types.length}`);
      requireCountable(this.provider, `${type} at ${place}`, types);
      return types;
    } catch (error) {
      if (error instanceof TooLargeError) throw error;
      const shapes = inputs.map((x) => (x ? showShape(x.shape) : '-')).join(', ');
      throw new Error(`${type}(${shapes}) at ${place}: ${(error as Error).message}`, { cause: error });
    }
  }

  private unique(stem: string): string {
    const count = this.nameCounts.get(stem) ?? 0;
    this.nameCounts.set(stem, count + 1);
    return `${this.prefix}${stem}${count ? `_${count}` : ''}`;
  }
}
