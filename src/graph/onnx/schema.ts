/**
 * The ONNX messages this project reads and writes, from the field numbers of the ONNX specification (onnx.proto, IR
 * version 8). Fields nobody here uses are left out: protobuf skips them when reading.
 */
import { many, one, Protobuf } from './protobuf.js';
import type { DType, Shape } from './types.js';
import { dtypeCode } from './types.js';

const messages = new Protobuf({
  ModelProto: {
    irVersion: one(1, 'int64'),
    producerName: one(2, 'string'),
    producerVersion: one(3, 'string'),
    docString: one(6, 'string'),
    graph: one(7, 'GraphProto'),
    opsetImport: many(8, 'OperatorSetIdProto'),
    metadataProps: many(14, 'StringStringEntryProto'),
    functions: many(25, 'FunctionProto'),
  },
  FunctionProto: {
    name: one(1, 'string'),
    input: many(4, 'string'),
    output: many(5, 'string'),
    attribute: many(6, 'string'),
    node: many(7, 'NodeProto'),
    opsetImport: many(9, 'OperatorSetIdProto'),
    domain: one(10, 'string'),
    attributeProto: many(11, 'AttributeProto'),
  },
  OperatorSetIdProto: { domain: one(1, 'string'), version: one(2, 'int64') },
  StringStringEntryProto: { key: one(1, 'string'), value: one(2, 'string') },
  GraphProto: {
    node: many(1, 'NodeProto'),
    name: one(2, 'string'),
    initializer: many(5, 'TensorProto'),
    input: many(11, 'ValueInfoProto'),
    output: many(12, 'ValueInfoProto'),
    sparseInitializer: many(15, 'SparseTensorProto'),
  },
  SparseTensorProto: { values: one(1, 'TensorProto') },
  NodeProto: {
    input: many(1, 'string'),
    output: many(2, 'string'),
    name: one(3, 'string'),
    opType: one(4, 'string'),
    attribute: many(5, 'AttributeProto'),
    domain: one(7, 'string'),
  },
  AttributeProto: {
    name: one(1, 'string'),
    f: one(2, 'float'),
    i: one(3, 'int64'),
    s: one(4, 'bytes'),
    t: one(5, 'TensorProto'),
    g: one(6, 'GraphProto'),
    floats: many(7, 'float'),
    ints: many(8, 'int64'),
    strings: many(9, 'bytes'),
    type: one(20, 'int32'),
    refAttrName: one(21, 'string'),
  },
  TensorProto: {
    dims: many(1, 'int64'),
    dataType: one(2, 'int32'),
    floatData: many(4, 'float'),
    int32Data: many(5, 'int32'),
    int64Data: many(7, 'int64'),
    name: one(8, 'string'),
    rawData: one(9, 'bytes'),
    doubleData: many(10, 'double'),
    externalData: many(13, 'StringStringEntryProto'),
    dataLocation: one(14, 'int32'),
  },
  ValueInfoProto: { name: one(1, 'string'), type: one(2, 'TypeProto') },
  TypeProto: { tensorType: one(1, 'TensorTypeProto') },
  TensorTypeProto: { elemType: one(1, 'int32'), shape: one(2, 'TensorShapeProto') },
  TensorShapeProto: { dim: many(1, 'DimensionProto') },
  DimensionProto: { dimValue: one(1, 'int64'), dimParam: one(2, 'string') },
});

export interface AttributeProto {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  floats?: number[];
  ints?: number[];
  strings?: Uint8Array[];
  /** In a function: the attribute of the call whose value this takes. */
  refAttrName?: string;
}
export interface TensorProto {
  name?: string;
  dims: number[];
  dataType: number;
  rawData?: Uint8Array;
  floatData?: number[];
  int32Data?: number[];
  int64Data?: number[];
  doubleData?: number[];
  externalData?: { key: string; value: string }[];
  dataLocation?: number;
}
export interface NodeProto {
  input: string[];
  output: string[];
  name: string;
  opType: string;
  attribute: AttributeProto[];
  domain?: string;
}
export interface ValueInfoProto {
  name: string;
  type: { tensorType: { elemType: number; shape: { dim: { dimValue?: number; dimParam?: string }[] } } };
}
export function valueInfo(name: string, dtype: DType, shape: Shape): ValueInfoProto {
  const dim = shape.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }));
  return { name, type: { tensorType: { elemType: dtypeCode[dtype], shape: { dim } } } };
}
export interface GraphProto {
  name: string;
  node: NodeProto[];
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  /** Only read. */
  sparseInitializer?: { values?: TensorProto }[];
}
/** Nodes that a model calls like an operator. */
export interface FunctionProto {
  name: string;
  domain?: string;
  input: string[];
  output: string[];
  /** Names of attributes without a default. */
  attribute: string[];
  /** Those with one. */
  attributeProto: AttributeProto[];
  node: NodeProto[];
  opsetImport: { domain?: string; version: number }[];
}
export interface ModelProto {
  irVersion: number;
  producerName?: string;
  producerVersion?: string;
  docString?: string;
  graph: GraphProto;
  opsetImport: { domain?: string; version: number }[];
  metadataProps?: { key: string; value: string }[];
  functions?: FunctionProto[];
}

/** Bytes of a model; the same message gives the same bytes. */
export function encodeModel(model: ModelProto): Uint8Array {
  return messages.encode('ModelProto', model);
}

/**
 * Reads a model. 64-bit integers become numbers; lists that the file leaves out become empty.
 *
 * @throws Error when the bytes are no protobuf message of this form
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  return messages.decode('ModelProto', bytes) as ModelProto;
}

/** Reads a tensor by itself, as the data of ONNX's own tests is. @throws Error as `decodeModel` */
export function decodeTensor(bytes: Uint8Array): TensorProto {
  return messages.decode('TensorProto', bytes) as TensorProto;
}
