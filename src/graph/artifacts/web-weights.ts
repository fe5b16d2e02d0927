/** The forms that a shipped model's weights are stored in. Each graph turns them into float32 before it uses them. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import type { AddWeight } from '../nn/folding.js';
import { halves } from '../onnx/float16.js';
import type { DType } from '../onnx/types.js';
import { rawData } from '../onnx/types.js';
import type { WebVariantName } from './web-model.js';

interface StoredTensor {
  name: string;
  dtype: DType;
  shape: number[];
  bytes: Uint8Array;
}

interface StoredWeight {
  tensors: StoredTensor[];
  /** Float32 values of the tensors inside a graph. */
  restore: (g: GraphBuilder, tensors: Value[]) => Value;
}

type Form = (name: string, shape: number[], values: Float32Array) => StoredWeight;

const plain: Form = (name, shape, values) => ({
  tensors: [{ name, dtype: 'float32', shape, bytes: rawData('float32', values) }],
  restore: (_, [value]) => value!,
});

const half: Form = (name, shape, values) => ({
  tensors: [{ name, dtype: 'float16', shape, bytes: halves(values) }],
  restore: (g, [value]) => g.op('Cast', [value!], { to: 'float32' }),
});

/** The largest magnitude of a signed byte that has a counterpart of the other sign. */
const largest = 127;
/** Weights of up to so many values stay halves: the first layers', which cost the most exactness and few bytes. */
const fewValues = 1 << 18;

/**
 * Symmetric: value = byte * scale, one scale for each filter (row of the weight's first axis). Cast and Mul instead of
 * DequantizeLinear: ONNX Runtime computes those once, when it opens the model, so that running it takes no longer.
 */
const bytes: Form = (name, shape, values) => {
  if (values.length <= fewValues) return half(name, shape, values);
  const filters = shape[0]!;
  const size = values.length / filters;
  const scales = new Float32Array(filters);
  const quantized = new Int8Array(values.length);
  for (let filter = 0; filter < filters; filter++) {
    const [first, end] = [filter * size, (filter + 1) * size];
    let peak = 0;
    for (let i = first; i < end; i++) peak = Math.max(peak, Math.abs(values[i]!));
    // A filter of zeros stays one with any scale.
    const scale = (scales[filter] = peak > 0 ? peak / largest : 1);
    for (let i = first; i < end; i++) quantized[i] = Math.round(values[i]! / scale);
  }
  const scaleShape = [filters, ...shape.slice(1).map(() => 1)];
  return {
    tensors: [
      { name, dtype: 'int8', shape, bytes: new Uint8Array(quantized.buffer) },
      { name: `${name}.scale`, dtype: 'float32', shape: scaleShape, bytes: rawData('float32', scales) },
    ],
    restore: (g, [value, scale]) => g.op('Mul', [g.op('Cast', [value!], { to: 'float32' }), scale!]),
  };
};

/** Vectors (biases, batch normalization) stay float32 in all of them. */
const forms: Record<WebVariantName, Form> = { fp32: plain, fp16: half, int8: bytes };

/** Stores weights in a variant's form, vectors always as float32; graphs that share a store share the tensors. */
export class WeightStore {
  private readonly stored = new Map<string, StoredWeight>();
  private readonly names = new Set<string>();

  constructor(private readonly variant: WebVariantName) {}

  readonly add: AddWeight = (g, name, shape, values) => {
    const weight = this.stored.get(name) ?? this.keep(name, shape, values);
    const tensors = weight.tensors.map((tensor) => g.tensor(tensor.name, tensor.dtype, tensor.shape, tensor.bytes));
    return g.scope(name, () => weight.restore(g, tensors));
  };

  /** Whether a tensor of this name belongs to a weight. */
  has(name: string): boolean {
    return this.names.has(name);
  }

  private keep(name: string, shape: number[], values: Float32Array): StoredWeight {
    const form = shape.length > 1 ? forms[this.variant] : plain;
    const weight = form(name, shape, values);
    this.stored.set(name, weight);
    for (const tensor of weight.tensors) this.names.add(tensor.name);
    return weight;
  }
}
