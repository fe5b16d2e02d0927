/**
 * GraphBuilder: writes ONNX nodes with checked static shapes, named after their place in the model, and records what
 * `autodiff.ts` needs to differentiate them.
 */
import { prune } from './onnx/prune.js';
import type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from './onnx/schema.js';
import type { Attributes, TypedShape } from './onnx/operators.js';
import { irVersion, operators, opset } from './onnx/operators.js';
import type { DType, Shape } from './onnx/types.js';
import { dtypeCode, rawData, showShape } from './onnx/types.js';
import { elementCount } from './state.js';

/** A tensor in the graph. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** The values of a small constant, row-major. */
  readonly data?: readonly number[];
  /** True when a gradient has to flow through it: it depends on something marked with `watch`. */
  readonly tracked: boolean;
}

/** One differentiable operation: given the gradient of its output, the gradients of its inputs. */
export interface TapeEntry {
  scope: string;
  inputs: readonly Value[];
  output: Value;
  /** Called once, with the summed gradient of `output`; null where an input gets none (it is not `tracked`). */
  vjp: (gradient: Value) => (Value | null)[];
}

/** Constants of up to so many elements are compared with earlier ones. */
const largestShared = 1 << 16;
/** Constants of up to so many elements keep their values for shape rules. */
const largestReadable = 4096;

export class GraphBuilder {
  readonly tape: TapeEntry[] = [];
  private readonly nodes: NodeProto[] = [];
  private readonly initializers: TensorProto[] = [];
  private readonly inputs: ValueInfoProto[] = [];
  private readonly outputs: ValueInfoProto[] = [];
  private readonly constants = new Map<string, Value>();
  private readonly nameCounts = new Map<string, number>();
  /** What each Reshape's output was made from. */
  private readonly reshaped = new Map<string, Value>();
  private scopes: string[] = [];

  /** @param prefix put before every name: a subgraph's names must differ from those of the graph around it */
  constructor(private readonly prefix = '') {}

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

  input(name: string, dtype: DType, shape: Shape): Value {
    this.inputs.push(valueInfo(name, dtype, shape));
    return { name, dtype, shape, tracked: false };
  }

  /** Makes `value` an output called `name`. */
  output(name: string, value: Value): void {
    this.nodes.push({ input: [value.name], output: [name], name: `/out/${name}`, opType: 'Identity', attribute: [] });
    this.outputs.push(valueInfo(name, value.dtype, value.shape));
  }

  /** The same tensor, from here on something that gradients are wanted for. */
  watch(value: Value): Value {
    return { ...value, tracked: true };
  }

  /** The same tensor, through which no gradient flows (PyTorch's `detach`). */
  stopGradient(value: Value): Value {
    return { ...value, tracked: false };
  }

  /** A constant; equal ones share one initializer. Scalars have shape []. */
  constant(dtype: DType, shape: readonly number[], values: ArrayLike<number>): Value {
    if (elementCount(shape) !== values.length) {
      throw new Error(`${values.length} values do not fill a constant of shape ${showShape(shape)}`);
    }
    const key = values.length <= largestShared ? `${dtype}${showShape(shape)}${Array.from(values).join()}` : undefined;
    const known = key === undefined ? undefined : this.constants.get(key);
    if (known) return known;
    const name = `${this.prefix}const_${this.initializers.length}`;
    this.initializers.push({ name, dims: [...shape], dataType: dtypeCode[dtype], rawData: rawData(dtype, values) });
    const readable = values.length <= largestReadable && { data: Array.from(values) };
    const value: Value = { name, dtype, shape, tracked: false, ...readable };
    if (key !== undefined) this.constants.set(key, value);
    return value;
  }

  /** A named float32 initializer: a weight that is part of the model. */
  weight(name: string, shape: readonly number[], values: Float32Array): Value {
    return this.tensor(name, 'float32', shape, rawData('float32', values));
  }

  /** A named initializer of any type, from its little-endian bytes. */
  tensor(name: string, dtype: DType, shape: readonly number[], bytes: Uint8Array): Value {
    this.initializers.push({ name, dims: [...shape], dataType: dtypeCode[dtype], rawData: bytes });
    return { name, dtype, shape, tracked: false };
  }

  scalar(value: number, dtype: DType = 'float32'): Value {
    return this.constant(dtype, [], [value]);
  }

  ints(values: readonly number[]): Value {
    return this.constant('int64', [values.length], values);
  }

  /** Adds a node with one output. @throws Error naming the operator, the shapes and the place when they do not fit */
  op(type: string, inputs: readonly (Value | null)[], attributes: Attributes = {}): Value {
    return this.ops(type, inputs, attributes, 1)[0]!;
  }

  /** Adds a node with several outputs. */
  ops(type: string, inputs: readonly (Value | null)[], attributes: Attributes, outputs: number): Value[] {
    const types = this.infer(type, inputs, attributes, outputs);
    if (type === 'Reshape') return [this.reshape(inputs as Value[], types[0]!)];
    return this.node(type, inputs, attributes, types);
  }

  /** A Reshape of a Reshape is one of what that was made from: ONNX Runtime would join them, and change its order of nodes. */
  private reshape([x, target]: Value[], type: TypedShape): Value {
    const source = this.reshaped.get(x!.name) ?? x!;
    const [value] = this.node('Reshape', [source, target!], {}, [type]);
    this.reshaped.set(value!.name, source);
    return value!;
  }

  private node(type: string, inputs: readonly (Value | null)[], attributes: Attributes, types: TypedShape[]): Value[] {
    const stem = this.unique([...this.scopes, type].join('/'));
    const values = types.map(({ dtype, shape }, i) => ({
      name: types.length > 1 ? `${stem}:${i}` : stem,
      dtype,
      shape,
      tracked: false,
    }));
    this.nodes.push({
      input: inputs.map((x) => x?.name ?? ''),
      output: values.map((v) => v.name),
      name: stem,
      opType: type,
      attribute: Object.entries(attributes).flatMap(([name, value]) =>
        value === undefined ? [] : attribute(name, value),
      ),
    });
    return values;
  }

  /**
   * Adds a Loop node: `body` maps (iteration, carried values) to (new carried values, one row of each collected output).
   * The body may use every value of this graph.
   *
   * @param trips int64 scalar
   * @returns the final carried values, then the collected rows stacked along a new first axis named `steps`
   */
  loop(
    trips: Value,
    carried: readonly Value[],
    body: (g: GraphBuilder, iteration: Value, carried: Value[]) => { carried: Value[]; collected: Value[] },
    steps: string,
  ): { carried: Value[]; collected: Value[] } {
    const stem = this.unique([...this.scopes, 'Loop'].join('/'));
    const inner = new GraphBuilder(`${stem}/`);
    const iteration = inner.input(`${stem}/iteration`, 'int64', []);
    inner.input(`${stem}/condition_in`, 'bool', []);
    const inside = carried.map((v, i) => inner.input(`${stem}/carried_${i}`, v.dtype, v.shape));
    const result = body(inner, iteration, inside);
    inner.output(`${stem}/condition_out`, inner.constant('bool', [], [1]));
    const rows = [...result.carried, ...result.collected];
    rows.forEach((v, i) => inner.output(`${stem}/result_${i}`, v));
    const outputs: Value[] = rows.map((v, i) => ({
      name: `${stem}:${i}`,
      dtype: v.dtype,
      shape: i < carried.length ? v.shape : [steps, ...v.shape],
      tracked: false,
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

  /** Records a differentiable operation and returns its output, tracked when any input is. */
  differentiable(inputs: readonly Value[], output: Value, vjp: TapeEntry['vjp']): Value {
    if (!inputs.some((x) => x.tracked)) return output;
    const tracked = { ...output, tracked: true };
    this.tape.push({ scope: this.path, inputs, output: tracked, vjp });
    return tracked;
  }

  /** The finished graph, without what no output depends on. */
  graph(name: string): GraphProto {
    return prune({ name, node: this.nodes, initializer: this.initializers, input: this.inputs, output: this.outputs });
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

  private infer(
    type: string,
    inputs: readonly (Value | null)[],
    attributes: Attributes,
    outputs: number,
  ): TypedShape[] {
    const rule = operators[type];
    if (!rule) throw new Error(`operator ${type} has no shape rule; add one to onnx/operators.ts`);
    try {
      return rule(
        inputs.filter((x) => x !== null),
        attributes,
        outputs,
      );
    } catch (error) {
      const shapes = inputs.map((x) => (x ? showShape(x.shape) : '-')).join(', ');
      throw new Error(`${type}(${shapes}) at ${this.path || 'the top of the graph'}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  private unique(stem: string): string {
    const count = this.nameCounts.get(stem) ?? 0;
    this.nameCounts.set(stem, count + 1);
    return `${this.prefix}${stem}${count ? `_${count}` : ''}`;
  }
}

function valueInfo(name: string, dtype: DType, shape: Shape): ValueInfoProto {
  const dim = shape.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }));
  return { name, type: { tensorType: { elemType: dtypeCode[dtype], shape: { dim } } } };
}

function attribute(name: string, value: number | number[] | string): AttributeProto {
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { name, type: 7, ints: value };
  const isFloat = floatAttributes.has(name);
  return isFloat ? { name, type: 1, f: value } : { name, type: 2, i: value };
}

/** ONNX tells integers from floats by the attribute; 1 alone does not say which it is. */
const floatAttributes = new Set(['alpha', 'beta', 'epsilon', 'momentum', 'value']);
