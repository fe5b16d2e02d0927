/** The nodes of a file, written again as a differentiable graph. */
import type { Value } from '../builder/builder.js';
import { GraphBuilder } from '../builder/builder.js';
import type { WriteSite } from '../nn/layers.js';
import type { AttributeTypes } from '../onnx/attributes.js';
import type { OperatorName } from '../onnx/names.js';
import { operatorNames } from '../onnx/names.js';
import type { Attributes, Shape } from '../onnx/types.js';
import { explicitPads } from '../operators/explicit-pads.js';
import { operators } from '../operators/index.js';
import { compose, composed } from '../ops/compositions.js';
import { mostElements } from './arrays.js';
import { evaluated } from './evaluate.js';
import type { FileNode } from './model.js';
import { controlFlow } from './model.js';
import { OtherBatch } from './other-batch.js';
import type { Prepared } from './prepare.js';
import type { Element, Tensor } from './tensors.js';
import { dtypeOf } from './tensors.js';
import type { WriteContext } from './writers.js';
import { writers } from './writers.js';

/** Where the tensors of a network come from, by the file's own names. */
export interface WeightSource {
  /** The value of a trained tensor, or of a running statistic. */
  weight(name: string): Value;
}

/** What is known of a value: all of it, or that it is one of the graph's. */
export type Slot = { known: Tensor } | { value: Value };

/** Nodes in opset 18's form, and what is known of their tensors. */
export type Nodes = Pick<Prepared, 'model' | 'roles'>;

/** Where the batch size is found, and the one that the file was written for. */
export interface Batch extends Pick<WriteContext, 'images' | 'fileBatch'> {
  /** Where that is another one. */
  other?: OtherBatch;
}

/** What mixed precision computes in float16, as PyTorch's autocast does; the rest stays float32. */
const products: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

const isOperator = (type: string): type is OperatorName => (operatorNames as readonly string[]).includes(type);

/** Whether there is a way to write an operator. */
export const isWritten = (type: string): boolean =>
  Object.hasOwn(writers, type) || composed.includes(type) || isOperator(type);

/** Attributes as the builder takes them: element types by their names. */
const attributesOf = ({ attributes }: FileNode, types: AttributeTypes): Attributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      types[name] === 'dtype' ? dtypeOf(value as number) : (value as Attributes[string]),
    ]),
  );

const largest = 3.4e38;

/** Masks of attention have infinities, which float32's largest numbers do as well for, and no constant of a graph may be. */
const finite = (value: number): number => Math.max(-largest, Math.min(value, largest));

const isNumbers = (data: ArrayLike<Element>): data is ArrayLike<number> =>
  Array.prototype.every.call(data, (one) => typeof one === 'number');

class FileGraph {
  private readonly slots = new Map<string, Slot>();

  private readonly g: GraphBuilder;

  constructor(
    private readonly site: Pick<WriteSite, 'g' | 'inHalves'>,
    private readonly prepared: Nodes,
    private readonly source: WeightSource,
    given: ReadonlyMap<string, Slot>,
    private readonly batch: Batch,
  ) {
    this.g = site.g;
    for (const [name, slot] of given) this.slots.set(name, slot);
  }

  private slot(name: string): Slot {
    const found = this.slots.get(name);
    if (found) return found;
    const { model, roles } = this.prepared;
    const tensor = model.tensors.get(name);
    if (!tensor) throw new Error(`nothing gives its input ${name}`);
    const role = roles.get(name)?.role ?? 'constant';
    const slot = role === 'constant' ? { known: tensor } : { value: this.source.weight(name) };
    this.slots.set(name, slot);
    return slot;
  }

  value(name: string): Value {
    const slot = this.slot(name);
    if ('value' in slot) return slot.value;
    const { dtype, shape, data } = slot.known;
    if (!isNumbers(data)) throw new Error(`${name} depends on the batch size, and more than shapes are made of it`);
    return this.g.constant(dtype, shape, dtype === 'float32' ? Float32Array.from(data, finite) : data);
  }

  /** Of all that has been written, and of what was given. */
  shapes(): Map<string, Shape> {
    return new Map(
      [...this.slots].map(([name, slot]) => [name, 'known' in slot ? slot.known.shape : slot.value.shape]),
    );
  }

  write(node: FileNode): void {
    const known = this.compute(node);
    if (known) {
      node.outputs.forEach((name, i) => name !== '' && this.slots.set(name, { known: known[i]! }));
      return;
    }
    this.batch.other?.pass(node.inputs, node.outputs);
    const values = this.written(node);
    node.outputs.forEach((name, i) => {
      const value = values[i];
      if (name !== '' && value) this.slots.set(name, { value });
    });
  }

  /** What needs no graph; undefined for what does. */
  private compute({ type, domain, inputs, outputs, attributes }: FileNode): Tensor[] | undefined {
    if (domain !== '') return undefined;
    const slots = inputs.map((name) => (name === '' ? null : this.slot(name)));
    if (type === 'Shape' || type === 'Size') {
      const from = slots[0]!;
      const shape = 'known' in from ? from.known.shape : from.value.shape;
      const [start, end] = [attributes['start'] as number | undefined, attributes['end'] as number | undefined];
      const dims = type === 'Shape' ? shape.slice(start ?? 0, end) : shape;
      const known = { dtype: 'int64' as const, shape: [dims.length], data: dims };
      return type === 'Shape' ? [known] : evaluated('ReduceProd', [known], { keepdims: 0 }, 1);
    }
    const all = slots.map((slot) => (slot === null ? null : 'known' in slot ? slot.known : undefined));
    if (all.includes(undefined)) return undefined;
    const given = all as (Tensor | null)[];
    const isLarge = given.some((one) => (one?.data.length ?? 0) > mostElements);
    return isLarge ? undefined : evaluated(type, given, attributes, outputs.length);
  }

  private written(node: FileNode): (Value | undefined)[] {
    const { type, domain, inputs, outputs } = node;
    if (domain === controlFlow) throw new Error('it holds a graph of its own, which has no gradient here');
    if (domain !== '') throw new Error(`operators of ${domain} have no gradient here`);
    const writer = Object.hasOwn(writers, type) ? writers[type] : undefined;
    if (writer) return writer(this.context(node));
    const isComposed = composed.includes(type);
    if (!isComposed && !isOperator(type)) throw new Error('this operator has no gradient here');
    const values = inputs.map((name) => (name === '' ? null : this.value(name)));
    while (values.length > 0 && values.at(-1) === null) values.pop();
    const wanted = outputs.findLastIndex((name) => name !== '') + 1;
    if (isComposed && wanted === 1) return [compose(this.g, type, values, node.attributes as Attributes)];
    if (!isOperator(type)) throw new Error('only its first output can be had here');
    const attributes = explicitPads(type, values as Value[], attributesOf(node, operators[type].attributes));
    if (!this.site.inHalves || !products.has(type)) return this.g.ops(type, values, attributes, wanted);
    const halves = values.map((value) => value && this.g.op('Cast', [value], { to: 'float16' }));
    return this.g.ops(type, halves, attributes, wanted).map((made) => this.g.op('Cast', [made], { to: 'float32' }));
  }

  private context(node: FileNode): WriteContext {
    const { other } = this.batch;
    const row = isOperator(node.type) ? operators[node.type] : undefined;
    return {
      g: this.g,
      node: row ? { ...node, attributes: attributesOf(node, row.attributes) as FileNode['attributes'] } : node,
      count: node.inputs.length,
      value: (index) => (node.inputs[index] ? this.value(node.inputs[index]) : null),
      known: (index) => {
        const slot = this.slot(node.inputs[index] ?? '');
        if ('known' in slot) return slot.known;
        throw new Error(`input ${index} must be known when the graph is built, and depends on what an image shows`);
      },
      images: this.batch.images,
      fileBatch: this.batch.fileBatch,
      fileShape: (index) => other?.shapeOf(index === 'output' ? node.outputs[0]! : (node.inputs[index] ?? '')),
      rebatched: other && ((now) => other.reshaped(node.inputs[0]!, node.outputs[0]!, now) ?? []),
    };
  }
}

/** Nodes whose outputs some values are made of, in the file's order. */
export function nodesFor({ nodes }: Prepared['model'], targets: readonly string[]): FileNode[] {
  const wanted = new Set(targets);
  const taken: FileNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    node.inputs.forEach((name) => wanted.add(name));
    taken.push(node);
  }
  return taken.reverse();
}

/**
 * Writes what tensors of a file are computed by.
 *
 * @param given what goes into them, by the file's names
 * @throws Error naming the node, its operator, and what does not fit
 */
export function writeNodes(
  site: Pick<WriteSite, 'g' | 'inHalves'>,
  nodes: Nodes,
  source: WeightSource,
  given: ReadonlyMap<string, Slot>,
  batch: Batch,
  targets: readonly string[],
): Value[] {
  const graph = written(new FileGraph(site, nodes, source, given, batch), nodes, targets);
  return targets.map((target) => graph.value(target));
}

function written(graph: FileGraph, { model }: Nodes, targets: readonly string[]): FileGraph {
  for (const node of nodesFor(model, targets)) {
    try {
      graph.write(node);
    } catch (error) {
      throw new Error(`node ${node.name} (${node.type}): ${(error as Error).message}`, { cause: error });
    }
  }
  return graph;
}

/** The shapes that a file's tensors have for the batch that it was written for. */
function shapesOf(prepared: Prepared, fileBatch: number, images: Value, target: string): ReadonlyMap<string, Shape> {
  const { model, input } = prepared;
  const g = new GraphBuilder();
  const own = g.input(input.name, images.dtype, [fileBatch, ...images.shape.slice(1)]);
  const source = { weight: (name: string) => g.input(name, 'float32', model.tensors.get(name)!.shape) };
  const given = new Map([[input.name, { value: own }]]);
  const batch = { images: own, fileBatch };
  return written(new FileGraph({ g, inHalves: false }, prepared, source, given, batch), prepared, [target]).shapes();
}

/**
 * Writes what a file's tensor `target` is computed by.
 *
 * @param images in the form of the file's input
 * @throws Error as `writeNodes`
 */
export function writeFile(
  site: Pick<WriteSite, 'g' | 'inHalves'>,
  prepared: Prepared,
  source: WeightSource,
  images: Value,
  target: string,
): Value {
  const { name, shape } = prepared.input;
  const given = new Map([[name, { value: images }]]);
  const [fileBatch] = shape;
  const isOther = fileBatch !== undefined && images.shape[0] !== fileBatch;
  const other = isOther ? new OtherBatch(shapesOf(prepared, fileBatch, images, target), fileBatch) : undefined;
  return writeNodes(site, prepared, source, given, { images, fileBatch, other }, [target])[0]!;
}
