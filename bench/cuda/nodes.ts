/** Every node of an emitted model, inside of Loops too, with the types and shapes of what goes in and comes out. */
import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from '../../src/graph/onnx/schema.js';
import { decodeModel } from '../../src/graph/onnx/schema.js';
import type { OperatorName } from '../../src/graph/onnx/names.js';
import type { Attributes, DType } from '../../src/graph/onnx/types.js';
import { dtypeCode, elementCount } from '../../src/graph/onnx/types.js';
import { operators } from '../../src/graph/operators/index.js';
import type { OperatorInput, TypedShape } from '../../src/graph/operators/operator.js';

export interface Visited {
  type: string;
  name: string;
  attributes: Attributes;
  /** Null for one that is left out. */
  inputs: readonly (OperatorInput | null)[];
  outputs: readonly TypedShape[];
  /** Whether it runs in every step. */
  inLoop: boolean;
}

const dtypes = Object.fromEntries(Object.entries(dtypeCode).map(([name, code]) => [code, name as DType]));

/** Of a shape whose named dimensions are 1. */
export const elementsOf = ({ shape }: TypedShape): number =>
  elementCount(shape.map((dim) => (typeof dim === 'number' ? dim : 1)));

/** Longest list that a shape rule takes as a constant. */
const longestConstant = 4096;

function constantOf({ dataType, dims, rawData }: TensorProto): OperatorInput {
  const shape = dims.map(Number);
  const dtype = dtypes[dataType]!;
  if (dtype !== 'int64' || !rawData || elementCount(shape) > longestConstant) return { dtype, shape };
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  const data = Array.from({ length: elementCount(shape) }, (_, i) => Number(view.getBigInt64(8 * i, true)));
  return { dtype, shape, data };
}

const typeOf = ({ type: { tensorType } }: ValueInfoProto): TypedShape => ({
  dtype: dtypes[tensorType.elemType]!,
  shape: tensorType.shape.dim.map(({ dimParam, dimValue }) => dimParam ?? Number(dimValue ?? 0)),
});

function attributesOf({ opType, attribute }: NodeProto): Attributes {
  const types = operators[opType as OperatorName]?.attributes ?? {};
  return Object.fromEntries(
    attribute
      .filter(({ g }) => !g)
      .map(({ name, f, i, s, ints }) => {
        if (types[name] === 'dtype') return [name, dtypes[Number(i)]];
        if (types[name] === 'string') return [name, new TextDecoder().decode(s)];
        return [name, types[name] === 'ints' ? (ints ?? []).map(Number) : Number(types[name] === 'float' ? f : i)];
      }),
  );
}

/** What it carries, and the rows that it has collected, one a trip. */
function loopOutputs({ input }: NodeProto, body: GraphProto, { data }: OperatorInput): TypedShape[] {
  const carried = input.length - 2;
  return body.output
    .slice(1)
    .map(typeOf)
    .map(({ dtype, shape }, i) => ({ dtype, shape: i < carried ? shape : [data?.[0] ?? 'steps', ...shape] }));
}

function* visit(graph: GraphProto, around: ReadonlyMap<string, OperatorInput>, inLoop: boolean): Generator<Visited> {
  const known = new Map(around);
  for (const tensor of graph.initializer) known.set(tensor.name!, constantOf(tensor));
  for (const value of graph.input) known.set(value.name, known.get(value.name) ?? typeOf(value));
  for (const node of graph.node) {
    const inputs = node.input.map((name) => (name === '' ? null : known.get(name)!));
    const attributes = attributesOf(node);
    const body = node.attribute.find(({ g }) => g)?.g;
    const outputs = body
      ? loopOutputs(node, body, inputs[0]!)
      : operators[node.opType as OperatorName].shape(inputs, attributes, node.output.length);
    yield { type: node.opType, name: node.name, attributes, inputs, outputs, inLoop };
    if (body) yield* visit(body, known, true);
    node.output.forEach((name, i) => known.set(name, outputs[i]!));
  }
}

/** @param model bytes of one that was emitted here */
export const nodesOf = (model: Uint8Array): Generator<Visited> => visit(decodeModel(model).graph, new Map(), false);
