/**
 * The initializers of an ONNX model. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 *
 * The model is walked in the file, so that opening takes some KB and reading only the tensor's own memory, also where
 * the model has 2 GB; `decodeModel` would hold all of it and every node.
 */
import { UserError } from '../base/errors.js';
import { floatBytes, readFloats } from './floats.js';
import type { FloatType } from './floats.js';
import { locateExternal } from '../onnx-files/external.js';
import { varintHalves } from './onnx-halves.js';
import { printable, printableJson } from '../base/printable.js';
import { RandomFile } from '../onnx-files/random-file.js';
import { countOf, isSize } from '../base/sizes.js';
import { Origin } from './onnx-origin.js';
import type { WeightContent, WeightTensor } from './weight-file.js';
import { WireReader } from './wire.js';
import type { WireField } from './wire.js';

/** Field numbers. */
const MODEL = { producerName: 2, graph: 7 };
const GRAPH = { node: 1, initializer: 5 };
const NODE = { input: 1, output: 2, opType: 4 };
const TENSOR = {
  dims: 1,
  dataType: 2,
  floatData: 4,
  int32Data: 5,
  name: 8,
  rawData: 9,
  doubleData: 10,
  externalData: 13,
  dataLocation: 14,
};
const ENTRY = { key: 1, value: 2 };
const EXTERNAL = 1;

/** Data types of float tensors, and the field that holds them where `raw_data` does not. */
const FLOATS: Record<number, { type: FloatType; field: number }> = {
  1: { type: 'F32', field: TENSOR.floatData },
  10: { type: 'F16', field: TENSOR.int32Data },
  11: { type: 'F64', field: TENSOR.doubleData },
  16: { type: 'BF16', field: TENSOR.int32Data },
};
/** Floats of 8 and 4 bits, which nothing here converts; leaving them out would look as if the file lacked them. */
const UNREADABLE = [17, 18, 19, 20, 23];

const MAX_DIMENSIONS = 64;
const MAX_NAME_BYTES = 4096;
const MAX_EXTERNAL_ENTRIES = 16;

interface Initializer {
  name: string;
  dims: number[];
  dataType: number;
  external?: Map<string, string>;
  /** Fields of data by their number. */
  data: Map<number, WireField>;
}

type Fail = (what: string) => UserError;

async function readEntry(wire: WireReader, entry: WireField): Promise<[key: string, value: string]> {
  const texts = new Map<number, string>();
  for await (const field of wire.fields(entry.start, entry.end)) {
    texts.set(field.id, await wire.text(field, MAX_NAME_BYTES));
  }
  return [texts.get(ENTRY.key) ?? '', texts.get(ENTRY.value) ?? ''];
}

async function readInitializer(wire: WireReader, { start, end }: WireField, fail: Fail): Promise<Initializer> {
  const tensor: Initializer = { name: '', dims: [], dataType: 0, data: new Map() };
  const entries: [string, string][] = [];
  let isExternal = false;
  const visit: Record<number, (field: WireField) => Promise<unknown> | void> = {
    [TENSOR.dims]: async (field) => {
      const dims = Number.isNaN(field.value) ? await wire.packed(field, MAX_DIMENSIONS) : [field.value];
      for (const dim of dims) tensor.dims.push(dim);
      if (tensor.dims.length > MAX_DIMENSIONS) throw fail('an initializer has more than 64 dimensions');
    },
    [TENSOR.dataType]: ({ value }) => void (tensor.dataType = value),
    [TENSOR.name]: async (field) => (tensor.name = await wire.text(field, MAX_NAME_BYTES)),
    [TENSOR.dataLocation]: ({ value }) => void (isExternal = value === EXTERNAL),
    [TENSOR.externalData]: async (field) => {
      entries.push(await readEntry(wire, field));
      if (entries.length > MAX_EXTERNAL_ENTRIES) throw fail('external data is described at too much length');
    },
  };
  for (const id of [TENSOR.floatData, TENSOR.int32Data, TENSOR.rawData, TENSOR.doubleData]) {
    visit[id] = (field) => {
      if (tensor.data.has(id)) throw fail(`the data of the initializer at byte ${start} are in pieces`);
      tensor.data.set(id, field);
    };
  }
  for await (const field of wire.fields(start, end)) await visit[field.id]?.(field);
  return isExternal ? { ...tensor, external: new Map(entries) } : tensor;
}

type Read = WeightTensor['read'];

/** How to read an initializer's elements, checked to be there. */
async function locateData(
  file: RandomFile,
  { dims, dataType, external, data }: Initializer,
  title: string,
  fail: Fail,
): Promise<Read> {
  const { type, field } = FLOATS[dataType]!;
  const count = countOf(dims);
  const bytes = count * floatBytes(type);
  const source = `${file.path}: ${title}`;
  if (external !== undefined) {
    const { path, offset } = await locateExternal(file.path, external, bytes, title);
    return async () => {
      const other = await RandomFile.open(path);
      try {
        return await readFloats(type, count, other.stream(offset), source);
      } finally {
        await other.close();
      }
    };
  }
  const found = [TENSOR.rawData, field].map((id) => data.get(id)).filter((part) => part && part.end > part.start);
  const range = found[0] ?? { id: TENSOR.rawData, start: 0, end: 0 };
  const held = range.end - range.start;
  const packed = range.id === TENSOR.int32Data;
  // 16 bits take one to three bytes of a varint.
  const fits = packed ? held >= count && held <= 3 * count : held === bytes;
  if (found.length > 1 || !fits) throw fail(`${title} ${printableJson(dims)} holds ${held} bytes of data`);
  return () => readFloats(type, count, packed ? varintHalves(file, range, source) : file.stream(range.start), source);
}

interface Node {
  opType: string;
  inputs: string[];
  outputs: string[];
}

async function readNode(wire: WireReader, { start, end }: WireField): Promise<Node> {
  const node: Node = { opType: '', inputs: [], outputs: [] };
  for await (const field of wire.fields(start, end)) {
    if (field.id === NODE.opType) node.opType = await wire.text(field, MAX_NAME_BYTES);
    else if (field.id === NODE.input) node.inputs.push(await wire.text(field, MAX_NAME_BYTES));
    else if (field.id === NODE.output) node.outputs.push(await wire.text(field, MAX_NAME_BYTES));
  }
  return node;
}

/**
 * PyTorch's exporter keeps tensors of equal values once: the other names are outputs of Identity nodes, one of which may take
 * another's. They are names of the same initializer.
 */
function addAliases(tensors: Map<string, WeightTensor>, identities: ReadonlyMap<string, string>): void {
  const own = new Map(tensors);
  for (const output of identities.keys()) {
    const way = new Set<string>();
    let name = output;
    for (let next = identities.get(name); next !== undefined && !way.has(name); next = identities.get(name)) {
      way.add(name);
      name = next;
    }
    const tensor = own.get(name);
    if (tensor !== undefined && !own.has(output)) tensors.set(output, { ...tensor, name: output });
  }
}

/**
 * Opens an ONNX model and lists its float initializers, those that have further names by Identity nodes under each of them.
 * Weights that exporters put into Constant nodes are not found.
 *
 * @throws UserError when it is damaged, has a float type that is not read, keeps data outside of its folder, or is a model
 *   that this program made
 */
export async function openOnnx(file: RandomFile): Promise<WeightContent> {
  const { path } = file;
  const fail: Fail = (what) =>
    new UserError(`${path} is damaged or no ONNX model: ${what}. Take another copy of the file.`);
  const wire = new WireReader(file, fail);
  const tensors = new Map<string, WeightTensor>();
  const identities = new Map<string, string>();
  const origin = new Origin(path);

  const addTensor = async (field: WireField): Promise<void> => {
    const initializer = await readInitializer(wire, field, fail);
    const { name, dims, dataType } = initializer;
    const title = `tensor ${printable(name)}`;
    if (UNREADABLE.includes(dataType)) {
      throw new UserError(`${path}: ${title} has floats of 8 or 4 bits, which dws does not read. Convert it to float.`);
    }
    if (FLOATS[dataType] === undefined) return;
    if (!dims.every(isSize)) throw fail(`${title} has the bad shape ${printableJson(dims)}`);
    if (tensors.has(name)) throw fail(`${title} is there twice`);
    const read = await locateData(file, initializer, title, fail);
    tensors.set(name, { name, container: '', source: name, shape: dims, read });
  };
  const addNode = async (field: WireField): Promise<void> => {
    const { opType, inputs, outputs } = await readNode(wire, field);
    origin.see(opType);
    if (opType === 'Identity' && inputs.length === 1 && outputs.length === 1) identities.set(outputs[0]!, inputs[0]!);
  };

  let graphs = 0;
  for await (const part of wire.fields(0, file.size)) {
    if (part.id === MODEL.producerName) origin.requireForeign(await wire.text(part, MAX_NAME_BYTES));
    if (part.id !== MODEL.graph) continue;
    graphs++;
    for await (const field of wire.fields(part.start, part.end)) {
      if (field.id === GRAPH.initializer) await addTensor(field);
      else if (field.id === GRAPH.node) await addNode(field);
    }
  }
  if (graphs !== 1) throw fail(`it has ${graphs} graphs instead of one`);
  addAliases(tensors, identities);
  return { tensors: [...tensors.values()], hint: origin.hint([...tensors.keys()]) };
}
