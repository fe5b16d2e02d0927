/** Features of a file by the importer, and by ONNX Runtime. */
import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-node';
import { buildFeaturesModel } from '../../src/graph/artifacts/artifacts.js';
import { decodeModel, encodeModel, valueInfo } from '../../src/graph/onnx/schema.js';
import { imageNet } from '../../src/graph/preprocessing.js';
import { initialTensors } from '../../src/graph/state/init.js';
import { Philox } from '../../src/graph/state/philox.js';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { loadModules } from '../../src/runner/modules/load.js';

export interface Apart {
  /** The largest distance, of the largest feature. */
  apart: number;
  width: number;
  params: number;
}

const count = 3;

/** Normalized as the importer's graph does it, [N, 3, size, size]. */
function normalized(pixels: Uint8Array, size: number): Float32Array {
  const area = size * size;
  const { mean, std } = imageNet;
  return Float32Array.from({ length: count * 3 * area }, (_, i) => {
    const [image, color, at] = [Math.floor(i / (3 * area)), Math.floor(i / area) % 3, i % area];
    return (pixels[(image * area + at) * 3 + color]! / 255 - mean[color]!) / std[color]!;
  });
}

/** Means over all axes behind the second. */
function meansOf({ data, dims }: { data: ArrayLike<number>; dims: readonly number[] }): number[] {
  const inner = dims.slice(2).reduce((a, b) => a * b, 1);
  return Array.from({ length: dims[0]! * dims[1]! }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < inner; j++) sum += data[i * inner + j]!;
    return sum / inner;
  });
}

/** @param tensor '' for the first output */
export async function featuresApart(file: string, tensor: string, size: number): Promise<Apart> {
  const proto = decodeModel(await readFile(file));
  const target = tensor === '' ? proto.graph.output[0]!.name : tensor;
  if (!proto.graph.output.some(({ name }) => name === target)) {
    const { type, ...info } = valueInfo(target, 'float32', []);
    proto.graph.output.push({ ...info, type: { tensorType: { elemType: type.tensorType.elemType } } } as never);
  }
  const random = new Philox(1, 'images', 0, 0);
  const pixels = random.fillBytes(new Uint8Array(count * size * size * 3));
  const own = await ort.InferenceSession.create(encodeModel(proto), { logSeverityLevel: 3 });
  const planes = normalized(pixels, size);
  const each = planes.length / count;
  const wanted: number[] = [];
  // One by one: files may be written for that.
  for (let i = 0; i < count; i++) {
    const image = new ort.Tensor('float32', planes.slice(i * each, (i + 1) * each), [1, 3, size, size]);
    wanted.push(...meansOf((await own.run({ [own.inputNames[0]!]: image }, [target]))[target]! as never));
  }

  const { definitions } = await loadModules({ backbone: { path: file } });
  const backbone = definitions.backbone!;
  const backboneOptions = { input: '', features: tensor, pool: 'auto', freeze: '' };
  const width = backbone.create(backboneOptions).width!(size);
  const network = { model: backbone.name, imageSize: size, featDim: width, embedDim: 8, backboneOptions };
  const layout = describeNetwork(network, definitions);
  const session = await ort.InferenceSession.create(buildFeaturesModel(network, definitions), { logSeverityLevel: 3 });
  const vector = (name: 'params' | 'buffers') => {
    const data = initialTensors(layout[name], 0);
    return new ort.Tensor('float32', data, [data.length]);
  };
  const feeds = { params: vector('params'), buffers: vector('buffers') };
  const batch = new ort.Tensor('uint8', pixels, [count, size, size, 3]);
  const features = (await session.run({ ...feeds, images: batch }))['features']!.data as Float32Array;
  const largest = Math.max(...wanted.map(Math.abs));
  const apart = Math.max(...wanted.map((value, i) => Math.abs(value - features[i]!))) / largest;
  return { apart, width, params: layout.paramCount };
}
