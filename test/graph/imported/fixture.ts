/** Files made here, as an exporter would write them. */
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import type { FileModel } from '../../../src/graph/imported/model.js';
import { readModel } from '../../../src/graph/imported/model.js';
import type { AttributeProto, ModelProto, NodeProto, TensorProto } from '../../../src/graph/onnx/schema.js';
import { valueInfo } from '../../../src/graph/onnx/schema.js';
import type { DType, Shape } from '../../../src/graph/onnx/types.js';
import { dtypeCode, rawData } from '../../../src/graph/onnx/types.js';

export const noExternal = (): never => {
  throw new Error('a tensor lies in another file');
};

export const tensor = (
  name: string,
  dims: number[],
  values: readonly number[],
  dtype: DType = 'float32',
): TensorProto => ({
  ...{ name, dims, dataType: dtypeCode[dtype], rawData: rawData(dtype, values) },
});

type Given = number | readonly number[] | string | TensorProto;

/** Numbers that are whole are integers: give `{ f: 1 }` for a float. */
function attribute(name: string, value: Given | { f: number }): AttributeProto {
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (Array.isArray(value)) return { name, type: 7, ints: [...(value as number[])] };
  return 'f' in (value as object)
    ? { name, type: 1, f: (value as { f: number }).f }
    : { name, type: 4, t: value as TensorProto };
}

export const node = (
  opType: string,
  input: string[],
  output: string | string[],
  attributes: Record<string, Given | { f: number }> = {},
  domain = '',
): NodeProto => ({
  ...{ opType, input, output: [output].flat(), name: '', domain },
  attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
});

export interface FileParts {
  nodes: NodeProto[];
  tensors?: TensorProto[];
  shape?: Shape;
  dtype?: DType;
  outputs?: string[];
  opset?: number;
}

/** A network on `images`. */
export const fileOf = ({
  nodes,
  tensors = [],
  shape = ['batch', 3, 8, 8],
  dtype = 'float32',
  outputs = ['features'],
  opset = 17,
}: FileParts): ModelProto => ({
  irVersion: 8,
  opsetImport: [{ version: opset }],
  graph: {
    ...{ name: 'made', node: nodes, initializer: tensors, input: [valueInfo('images', dtype, shape)] },
    output: outputs.map((name) => valueInfo(name, 'float32', [])),
  },
});

export const modelOf = (parts: FileParts): FileModel => readModel(fileOf(parts), noExternal);

export const builder = (): GraphBuilder => new GraphBuilder();
