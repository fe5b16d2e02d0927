/** An ONNX file that another exporter has written, through the importer: its output, and the gradients of its tensors. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gradients } from '../../src/graph/builder/gradients.js';
import type { Value } from '../../src/graph/builder/builder.js';
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import { readModel } from '../../src/graph/imported/model.js';
import { prepared } from '../../src/graph/imported/prepare.js';
import { writeFile } from '../../src/graph/imported/write.js';
import { decodeModel } from '../../src/graph/onnx/schema.js';
import { elementCount } from '../../src/graph/onnx/types.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import type { Check, Digest } from './golden.js';
import { againstDigest, closeTo, multiple, sym } from './golden.js';
import { Runner } from './session.js';

export interface ImportedCase {
  seed: number;
  batch: number;
  size: number;
  c_stream: number;
  loss: number;
  output_shape: [number, number];
  output: number[];
  gradients: Record<string, Digest>;
  operators: string[];
}

/** Of the gradients' norms, and of single elements beside the tensor's RMS. */
const bounds = { norm: 1e-4, element: 1e-3 };

const noExternal = (): never => {
  throw new Error('a tensor lies in another file');
};

/** @param file the JSON's path: the network lies beside it */
export async function importedParity(golden: ImportedCase, device: DeviceOptions, file: string): Promise<Check[]> {
  const name = path.basename(file, '.json');
  const bytes = readFileSync(path.join(path.dirname(file), `${name}.onnx`));
  const ready = prepared(readModel(decodeModel(bytes), noExternal));
  const g = new GraphBuilder(device.device, '', [], {});
  const shape = [golden.batch, 3, golden.size, golden.size];
  const images = g.input('images', 'float32', shape);
  const values = new Map<string, Value>();
  const feeds: Record<string, Float32Array> = {
    images: Float32Array.from(sym(elementCount(shape), golden.seed * 100000 + 90001), (x) => 1.5 * x),
    c: Float32Array.from(sym(elementCount(golden.output_shape), golden.c_stream)),
  };
  const weight = (tensor: string): Value => {
    const known = values.get(tensor);
    if (known) return known;
    const found = ready.model.tensors.get(tensor)!;
    const value = g.input(`weight/${tensor}`, 'float32', found.shape);
    feeds[`weight/${tensor}`] = found.data as Float32Array;
    const kept = ready.roles.get(tensor)!.role === 'trained' ? g.watch(value) : value;
    values.set(tensor, kept);
    return kept;
  };
  const output = writeFile({ g, inHalves: false }, ready, { weight }, images, ready.model.outputs[0]!);
  const c = g.input('c', 'float32', golden.output_shape);
  const loss = g.op('ReduceSum', [g.op('Mul', [output, c])], { keepdims: 0 });
  const wanted = Object.keys(golden.gradients).filter((tensor) => values.get(tensor)?.tracked);
  const slopes = gradients(
    g,
    loss,
    wanted.map((tensor) => values.get(tensor)!),
  );
  g.output('output', output);
  g.output('loss', loss);
  wanted.forEach((tensor, i) => g.output(`slope/${tensor}`, slopes[i]!));
  const runner = await Runner.open(g, device);
  const made = await runner.run(feeds);
  const largest = Math.max(...golden.output.map(Math.abs));
  const distance = Math.max(...golden.output.map((one, i) => Math.abs(one - made['output']![i]!)));
  const missing = Object.keys(golden.gradients).filter((tensor) => !wanted.includes(tensor));
  return [
    { group: name, what: 'output', ratio: multiple(distance / largest, 1e-5) },
    closeTo(name, 'loss', made['loss']![0]!, golden.loss, 1e-4),
    ...missing.map((tensor) => ({ group: name, what: `${tensor} is not trained`, ratio: Infinity })),
    ...wanted.map((tensor) =>
      againstDigest(`${name} gradients`, tensor, made[`slope/${tensor}`]!, golden.gradients[tensor]!, bounds),
    ),
  ];
}
