/** An ONNX file as nodes and tensors: functions written out, Constant nodes among the tensors, one name for one thing. */
import type { AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto } from '../onnx/schema.js';
import type { Attributes } from '../onnx/types.js';
import { inlined } from './functions.js';
import type { ExternalBytes, NumberTensor } from './tensors.js';
import { dtypeOf, readTensor } from './tensors.js';

/** A list of numbers, whole or not, or of texts. */
export type AttributeValue = Attributes[string] | readonly string[] | NumberTensor;

export interface FileNode {
  /** As the file has it, or else the name of its first output. */
  name: string;
  type: string;
  /** '' for ONNX's own operators. */
  domain: string;
  /** '' for one that is left out. */
  inputs: string[];
  outputs: string[];
  attributes: Record<string, AttributeValue>;
}

export interface FileInput {
  name: string;
  /** A number, or undefined for a dimension that the file leaves open; undefined for a rank that it leaves open. */
  shape: (number | undefined)[] | undefined;
  /** ONNX's number of the element type. */
  elementType: number;
}

export interface FileModel {
  /** Version of ONNX's own operators. */
  opset: number;
  producer: string;
  nodes: FileNode[];
  tensors: Map<string, NumberTensor>;
  /** Tensors from Constant nodes, which exporters keep apart from weights. */
  constants: ReadonlySet<string>;
  /** Those that are no weights. */
  inputs: FileInput[];
  outputs: string[];
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** By AttributeProto.AttributeType; files of before IR version 3 say it by the field that is there. */
function attributeValue(attribute: AttributeProto, external: ExternalBytes): AttributeValue {
  const { type, f, i, s, t, g, floats = [], ints = [], strings = [] } = attribute;
  if (g || type === 5 || type === 10) throw new GraphAttributeError();
  if (type === 4 || (!type && t)) return readTensor(t!, external);
  if (type === 1) return f ?? 0;
  if (type === 2) return i ?? 0;
  if (type === 3) return text(s ?? new Uint8Array());
  if (type === 6) return floats;
  if (type === 7) return ints;
  if (type === 8) return strings.map(text);
  if (type) throw new Error(`attribute ${attribute.name} is of a kind that is not supported`);
  return i ?? f ?? (s && text(s)) ?? [ints, floats, strings.map(text)].find(({ length }) => length > 0) ?? [];
}

/** In place of a domain: of nodes such as If, Loop and Scan. */
export const controlFlow = 'control flow';

/** A node that holds a graph of its own. */
class GraphAttributeError extends Error {}

/** ONNX's own operators, by either of the names that files give them. */
export const isStandard = (domain = ''): boolean => domain === '' || domain === 'ai.onnx';

const nameOf = ({ name, output }: NodeProto): string => name || output?.find((one) => one !== '') || '';

function readNode(node: NodeProto, external: ExternalBytes): FileNode {
  const name = nameOf(node);
  const type = node.opType ?? '';
  try {
    const attributes = (node.attribute ?? []).map((one) => [one.name, attributeValue(one, external)] as const);
    const domain = isStandard(node.domain) ? '' : node.domain!;
    return { name, type, domain, inputs: node.input, outputs: node.output, attributes: Object.fromEntries(attributes) };
  } catch (error) {
    if (error instanceof GraphAttributeError)
      return { name, type, domain: controlFlow, inputs: node.input, outputs: node.output, attributes: {} };
    throw new Error(`node ${name} (${type}): ${(error as Error).message}`, { cause: error });
  }
}

function readInput({ name, type }: ValueInfoProto): FileInput {
  const tensor = type?.tensorType;
  const dims = tensor?.shape?.dim?.map(({ dimValue }) =>
    dimValue === undefined || dimValue < 1 ? undefined : dimValue,
  );
  return { name, shape: dims, elementType: tensor?.elemType ?? 0 };
}

const constantFields = ['value_float', 'value_floats', 'value_int', 'value_ints'] as const;

/** What a Constant node holds. */
function constantOf({ name, attributes }: FileNode): NumberTensor {
  const { value } = attributes;
  if (value !== undefined) return value as NumberTensor;
  const field = constantFields.find((one) => attributes[one] !== undefined);
  if (!field) throw new Error(`node ${name} (Constant) holds no numbers`);
  const given = attributes[field] as number | readonly number[];
  const data = typeof given === 'number' ? [given] : given;
  return {
    dtype: field.includes('float') ? 'float32' : 'int64',
    shape: typeof given === 'number' ? [] : [data.length],
    data,
  };
}

function readTensors({ initializer = [] }: GraphProto, external: ExternalBytes): Map<string, NumberTensor> {
  return new Map(
    initializer.map((proto) => {
      try {
        return [proto.name ?? '', readTensor(proto, external)];
      } catch (error) {
        throw new Error(`the tensor ${proto.name ?? ''}: ${(error as Error).message}`, { cause: error });
      }
    }),
  );
}

/**
 * @param external reads the tensors that lie in other files
 * @throws Error naming what is no model, or is in a form that is not supported
 */
export function readModel(model: ModelProto, external: ExternalBytes): FileModel {
  const { graph } = model;
  if (!graph || (graph.node.length === 0 && graph.initializer.length === 0)) throw new Error('there is no graph in it');
  if (graph.sparseInitializer?.length) throw new Error('it has sparse tensors; save it with dense ones');
  const opset = model.opsetImport.find(({ domain }) => isStandard(domain))?.version ?? 1;
  const tensors = readTensors(graph, external);
  const constants = new Set<string>();
  const nodes: FileNode[] = [];
  for (const proto of inlined(graph.node, model.functions ?? [])) {
    const node = readNode(proto, external);
    if (node.type !== 'Constant' || node.domain !== '') {
      nodes.push(node);
      continue;
    }
    tensors.set(node.outputs[0]!, constantOf(node));
    constants.add(node.outputs[0]!);
  }
  // Before IR version 4 weights are listed as inputs too.
  const inputs = graph.input.filter(({ name }) => !tensors.has(name)).map(readInput);
  for (const { elementType } of inputs) if (elementType) dtypeOf(elementType);
  const outputs = graph.output.map(({ name }) => name);
  return { opset, producer: model.producerName ?? '', nodes, tensors, constants, inputs, outputs };
}
