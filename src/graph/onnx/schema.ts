/**
 * The ONNX messages this project reads and writes, from the field numbers of the ONNX specification (onnx.proto, IR
 * version 8). Fields nobody here uses are left out: protobuf skips them when reading.
 */
import protobuf from 'protobufjs/light.js';

const field = (id: number, type: string, rule?: 'repeated') => ({ id, type, ...(rule && { rule }) });
const many = (id: number, type: string) => field(id, type, 'repeated');

const messages = {
  ModelProto: {
    irVersion: field(1, 'int64'),
    producerName: field(2, 'string'),
    producerVersion: field(3, 'string'),
    docString: field(6, 'string'),
    graph: field(7, 'GraphProto'),
    opsetImport: many(8, 'OperatorSetIdProto'),
    metadataProps: many(14, 'StringStringEntryProto'),
  },
  OperatorSetIdProto: { domain: field(1, 'string'), version: field(2, 'int64') },
  StringStringEntryProto: { key: field(1, 'string'), value: field(2, 'string') },
  GraphProto: {
    node: many(1, 'NodeProto'),
    name: field(2, 'string'),
    initializer: many(5, 'TensorProto'),
    input: many(11, 'ValueInfoProto'),
    output: many(12, 'ValueInfoProto'),
  },
  NodeProto: {
    input: many(1, 'string'),
    output: many(2, 'string'),
    name: field(3, 'string'),
    opType: field(4, 'string'),
    attribute: many(5, 'AttributeProto'),
    domain: field(7, 'string'),
  },
  AttributeProto: {
    name: field(1, 'string'),
    f: field(2, 'float'),
    i: field(3, 'int64'),
    s: field(4, 'bytes'),
    t: field(5, 'TensorProto'),
    g: field(6, 'GraphProto'),
    floats: many(7, 'float'),
    ints: many(8, 'int64'),
    type: field(20, 'int32'),
  },
  TensorProto: {
    dims: many(1, 'int64'),
    dataType: field(2, 'int32'),
    floatData: many(4, 'float'),
    int32Data: many(5, 'int32'),
    int64Data: many(7, 'int64'),
    name: field(8, 'string'),
    rawData: field(9, 'bytes'),
    doubleData: many(10, 'double'),
    externalData: many(13, 'StringStringEntryProto'),
    dataLocation: field(14, 'int32'),
  },
  ValueInfoProto: { name: field(1, 'string'), type: field(2, 'TypeProto') },
  TypeProto: { tensorType: field(1, 'TensorTypeProto') },
  TensorTypeProto: { elemType: field(1, 'int32'), shape: field(2, 'TensorShapeProto') },
  TensorShapeProto: { dim: many(1, 'DimensionProto') },
  DimensionProto: { dimValue: field(1, 'int64'), dimParam: field(2, 'string') },
};

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(Object.entries(messages).map(([name, fields]) => [name, { fields }])),
});

const ModelMessage = root.lookupType('ModelProto');

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
export interface GraphProto {
  name: string;
  node: NodeProto[];
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
}
export interface ModelProto {
  irVersion: number;
  producerName?: string;
  producerVersion?: string;
  docString?: string;
  graph: GraphProto;
  opsetImport: { domain?: string; version: number }[];
  metadataProps?: { key: string; value: string }[];
}

/** Bytes of a model; the same message gives the same bytes. */
export function encodeModel(model: ModelProto): Uint8Array {
  return ModelMessage.encode(ModelMessage.fromObject(model)).finish();
}

/**
 * Reads a model. 64-bit integers become numbers; lists that the file leaves out become empty.
 *
 * @throws Error when the bytes are no protobuf message of this form
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  return ModelMessage.toObject(ModelMessage.decode(bytes), { longs: Number, arrays: true }) as unknown as ModelProto;
}
