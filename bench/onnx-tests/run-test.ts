/** One of the ONNX project's tests: a model of a node, what goes in and what comes out. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import * as ort from 'onnxruntime-node';
import type { Value } from '../../src/graph/builder/builder.js';
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import { evaluates } from '../../src/graph/imported/evaluate.js';
import { readModel } from '../../src/graph/imported/model.js';
import { inOneVersion } from '../../src/graph/imported/prepare.js';
import type { NumberTensor } from '../../src/graph/imported/tensors.js';
import { fromHalf, readTensor } from '../../src/graph/imported/tensors.js';
import type { Slot } from '../../src/graph/imported/write.js';
import { isWritten, writeNodes } from '../../src/graph/imported/write.js';
import type { ModelProto } from '../../src/graph/onnx/schema.js';
import { decodeModel, decodeTensor, encodeModel } from '../../src/graph/onnx/schema.js';
import { rawData } from '../../src/graph/onnx/types.js';

export interface Outcome {
  operator: string;
  kind: 'passed' | 'wrong' | 'left out';
  reason: string;
}

const noExternal = (): never => {
  throw new Error('it lies in another file');
};

async function tensorsOf(folder: string, kind: 'input' | 'output'): Promise<NumberTensor[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${kind}_`));
  const count = names.length;
  return Promise.all(
    Array.from({ length: count }, async (_, i) =>
      readTensor(decodeTensor(await readFile(path.join(folder, `${kind}_${i}.pb`))), noExternal),
    ),
  );
}

const tensorOf = ({ dtype, shape, data }: NumberTensor): ort.Tensor => {
  const bytes = rawData(dtype, data);
  const copy = bytes.slice().buffer;
  const typed = {
    float32: () => new Float32Array(copy),
    float64: () => new Float64Array(copy),
    uint8: () => new Uint8Array(copy),
    int8: () => new Int8Array(copy),
    int32: () => new Int32Array(copy),
    int64: () => new BigInt64Array(copy),
    bool: () => new Uint8Array(copy),
    float16: () => new Uint16Array(copy),
  }[dtype]();
  return new ort.Tensor(dtype as 'float32', typed as never, [...shape]);
};

/** Of the largest value: float32 of another order of sums, and what the tests themselves round. */
const bound = 1e-4;

function distance(made: ort.Tensor, wanted: NumberTensor): string | undefined {
  if (made.dims.join() !== wanted.shape.join())
    return `the shape [${made.dims.join()}] is not [${wanted.shape.join()}]`;
  const given = Array.from(made.data as ArrayLike<number | bigint>, Number);
  const data = wanted.dtype === 'float16' ? given.map(fromHalf) : given;
  const expected = Array.from(wanted.data);
  const largest = expected.reduce((a, b) => Math.max(a, Number.isFinite(b) ? Math.abs(b) : 0), 1e-3);
  const at = expected.findIndex((value, i) => {
    const other = data[i]!;
    if (Number.isNaN(value) || !Number.isFinite(value)) return !Object.is(value, other) && Math.abs(other) < 3e38;
    return !(Math.abs(value - other) <= bound * largest);
  });
  return at < 0 ? undefined : `element ${at} is ${data[at]} and not ${expected[at]}`;
}

/** Whether ONNX Runtime gives something else than the test wants for the very file. */
async function isOtherInRuntime(folder: string, inputs: readonly NumberTensor[], outputs: readonly NumberTensor[]) {
  try {
    const session = await ort.InferenceSession.create(path.join(folder, 'model.onnx'), { logSeverityLevel: 4 });
    const feeds = Object.fromEntries(inputs.map((tensor, i) => [session.inputNames[i]!, tensorOf(tensor)]));
    const made = await session.run(feeds);
    return session.outputNames.some((name, i) => distance(made[name]!, outputs[i]!) !== undefined);
  } catch {
    return false;
  }
}

/** What is known when the graph is built: nothing, all but the first input, or all. */
const ways = [() => false, (i: number) => i > 0, () => true] as const;

async function written(proto: ModelProto, inputs: readonly NumberTensor[], isKnown: (i: number) => boolean) {
  const nodes = inOneVersion(readModel(proto, noExternal));
  const g = new GraphBuilder();
  const feeds: Record<string, ort.Tensor> = {};
  const given = new Map<string, Slot>();
  const names = proto.graph.input.map(({ name }) => name);
  inputs.forEach((tensor, i) => {
    const name = names[i]!;
    if (isKnown(i)) {
      given.set(name, { known: tensor });
      return;
    }
    given.set(name, { value: g.input(name, tensor.dtype, tensor.shape) });
    feeds[name] = tensorOf(tensor);
  });
  const targets = proto.graph.output.map(({ name }) => name);
  const images: Value = [...given.values()].flatMap((slot) => ('value' in slot ? [slot.value] : []))[0] ?? g.scalar(0);
  const source = { weight: (name: string): Value => g.constant('float32', [], [Number(name)]) };
  const made = writeNodes({ g, inHalves: false }, nodes, source, given, { images, fileBatch: undefined }, targets);
  made.forEach((value, i) => g.output(`made/${i}`, value));
  const session = await ort.InferenceSession.create(encodeModel(g.model('test')), { logSeverityLevel: 4 });
  const outputs = await session.run(feeds);
  return made.map((_, i) => outputs[`made/${i}`]!);
}

/** @returns undefined for a test of an operator that is none of those wanted, or that nothing here has */
export async function runTest(folder: string, wanted: readonly string[]): Promise<Outcome | undefined> {
  const proto = decodeModel(await readFile(path.join(folder, 'model.onnx')));
  const operator = proto.graph.node.at(-1)!.opType;
  const isHere = isWritten(operator) || evaluates(operator);
  if (wanted.length > 0 ? !wanted.includes(operator) : !isHere) return undefined;
  const data = path.join(folder, 'test_data_set_0');
  let reason = '';
  try {
    const [inputs, outputs] = [await tensorsOf(data, 'input'), await tensorsOf(data, 'output')];
    for (const isKnown of ways) {
      let made: ort.Tensor[];
      try {
        made = await written(proto, inputs, isKnown);
      } catch (error) {
        // The first reason is that of the operator as it stands in networks.
        reason ||= (error as Error).message.split('\n')[0]!;
        continue;
      }
      const wrong = made.flatMap((tensor, i) => distance(tensor, outputs[i]!) ?? []);
      if (wrong.length === 0) return { operator, kind: 'passed', reason: '' };
      if (proto.graph.node.some(({ opType }) => opType === 'Dropout'))
        return { operator, kind: 'left out', reason: 'its random numbers are those of one runtime' };
      const isOther = await isOtherInRuntime(folder, inputs, outputs);
      return isOther
        ? { operator, kind: 'left out', reason: 'ONNX Runtime gives something else for the file itself' }
        : { operator, kind: 'wrong', reason: wrong[0]! };
    }
  } catch (error) {
    reason = (error as Error).message.split('\n')[0]!;
  }
  return { operator, kind: 'left out', reason };
}
