/**
 * npm run bench -- cuda-paper [--models resnet18,...] [--batch 80] [--places resnet50]
 *
 * The time of a training's step on an H100, on paper: what each node of the Loop reads, writes and computes, at rates that are assumed,
 * not measured. Good for comparing graphs, and for what takes the most; no GPU was asked. Prints Markdown.
 */
import { parseArgs } from 'node:util';
import { buildTrainLoop } from '../../src/graph/artifacts/artifacts.js';
import { backbones } from '../../src/graph/models/index.js';
import type { DType } from '../../src/graph/onnx/types.js';
import type { TypedShape } from '../../src/graph/operators/operator.js';
import { benchOptions } from '../training.js';
import type { Visited } from './nodes.js';
import { elementsOf, nodesOf } from './nodes.js';

/** Bytes a second of passes that read and write in order, and of those that move elements; operations a second; seconds a launch. */
const rates = { ordered: 2.6e12, moved: 1.2e12, product: 250e12, convolution: 160e12, launch: 4e-6 };
/** cuDNN's tensor cores want channels last: NCHW tensors are turned on their way in and out. */
const turned = 3;

const moves = ['Slice', 'Concat', 'Split', 'Pad', 'Transpose', 'Expand', 'Gather', 'ScatterElements'];
/** What launches nothing. */
const free = ['Reshape', 'Identity', 'Shape', 'Loop'];
/** What reads no more than it writes. */
const picks = ['Slice', 'Gather'];

const itemBytes: Record<DType, number> = {
  ...{ float32: 4, float64: 8, float16: 2, int32: 4, int64: 8, uint8: 1, int8: 1, bool: 1 },
};

const bytesOf = (values: readonly (TypedShape | null)[]): number =>
  values.reduce((sum, value) => sum + (value ? elementsOf(value) * itemBytes[value.dtype] : 0), 0);

/** Multiplications and additions of products; 0 for other nodes. */
const operationsOf: Record<string, (node: Visited) => number> = {
  Conv: ({ inputs, outputs }) => (2 * elementsOf(outputs[0]!) * elementsOf(inputs[1]!)) / Number(inputs[1]!.shape[0]),
  ConvTranspose: ({ inputs }) => (2 * elementsOf(inputs[0]!) * elementsOf(inputs[1]!)) / Number(inputs[1]!.shape[0]),
  Gemm: ({ inputs, outputs, attributes }) =>
    2 * elementsOf(outputs[0]!) * Number(inputs[0]!.shape[attributes['transA'] ? 0 : 1]),
  MatMul: ({ inputs, outputs }) => 2 * elementsOf(outputs[0]!) * Number(inputs[0]!.shape.at(-1)),
};

interface Cost {
  launches: number;
  bytes: number;
  operations: number;
  seconds: number;
}

function costOf(node: Visited): Cost {
  const isConvolution = node.type.startsWith('Conv');
  const written = bytesOf(node.outputs);
  const bytes = written + (picks.includes(node.type) ? written : bytesOf(node.inputs));
  const operations = operationsOf[node.type]?.(node) ?? 0;
  const computing = operations / (isConvolution ? rates.convolution : rates.product);
  const passing = ((isConvolution ? turned : 1) * bytes) / (moves.includes(node.type) ? rates.moved : rates.ordered);
  return { launches: 1, bytes, operations, seconds: Math.max(computing, passing) + rates.launch };
}

const nothing: Cost = { launches: 0, bytes: 0, operations: 0, seconds: 0 };
const sum = (a: Cost, b: Cost): Cost => ({
  launches: a.launches + b.launches,
  bytes: a.bytes + b.bytes,
  operations: a.operations + b.operations,
  seconds: a.seconds + b.seconds,
});

/** The costs of a step's nodes, added up by what `key` says of each. */
function costsBy(model: Uint8Array, key: (node: Visited) => string): Map<string, Cost> {
  const costs = new Map<string, Cost>();
  for (const node of nodesOf(model)) {
    if (!node.inLoop || free.includes(node.type)) continue;
    costs.set(key(node), sum(costs.get(key(node)) ?? nothing, costOf(node)));
  }
  return costs;
}

const trainLoopOf = (model: string, batchSize: number): Uint8Array => {
  const imageSize = model === 'inception_v3' ? 299 : 224;
  const sizes = { imageSize, batchSize, batchK: 5, classes: 100 };
  return buildTrainLoop(benchOptions({ model, optimizer: 'sgd', provider: 'cuda', ...sizes }));
};

const cells = ({ launches, bytes, operations, seconds }: Cost): (string | number)[] => [
  ...[launches, (bytes / 1e9).toFixed(1), (operations / 1e12).toFixed(2), (seconds * 1e3).toFixed(1)],
];

export async function benchCudaPaper(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      models: { type: 'string', default: Object.keys(backbones).join() },
      batch: { type: 'string', default: '80' },
      places: { type: 'string', default: 'resnet50' },
    },
  });
  const batch = Number(values.batch);
  console.log(`A step of ${batch} images, SGD:\n`);
  console.log('| model | launches | moved, GB | computed, TFLOP | ms | of them products | most, besides |');
  console.log('|---|---:|---:|---:|---:|---:|---|');
  const products = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'];
  for (const model of values.models.split(',')) {
    const costs = costsBy(trainLoopOf(model, batch), ({ type }) => type);
    const all = [...costs.values()].reduce(sum);
    const ofProducts = products.reduce((seconds, type) => seconds + (costs.get(type)?.seconds ?? 0), 0);
    const others = [...costs].filter(([type]) => !products.includes(type));
    const most = others
      .sort(([, a], [, b]) => b.seconds - a.seconds)
      .slice(0, 3)
      .map(([type, { seconds }]) => `${type} ${(seconds * 1e3).toFixed(1)}`);
    const row = [model, ...cells(all), `${((100 * ofProducts) / all.seconds).toFixed(0)} %`, most.join(', ')];
    console.log(`| ${row.join(' | ')} |`);
  }
  console.log(`\n${values.places}, by operator:\n`);
  console.log('| operator | launches | moved, GB | computed, TFLOP | ms |');
  console.log('|---|---:|---:|---:|---:|');
  const costs = [...costsBy(trainLoopOf(values.places, batch), ({ type }) => type)];
  for (const [type, cost] of costs.sort(([, a], [, b]) => b.seconds - a.seconds).slice(0, 14))
    console.log(`| ${[type, ...cells(cost)].join(' | ')} |`);
}
