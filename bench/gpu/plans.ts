/** Whether a device computes every convolution of a step, each in a session of its own, and how long it takes. */
import type { TrainingOptions } from '../../src/graph/options.js';
import { chooseEngine } from '../../src/runner/compute/engines.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import { nodesOf } from '../cuda/nodes.js';
import type { Convolution, Product } from './convolutions.js';
import { convolutionsOf, productModel, products } from './convolutions.js';

export interface Plan {
  layer: string;
  layers: number;
  product: Product;
  /** Of the input, [in, N, H, W]. */
  x: number[];
  /** ONNX's operators that it is written with, those that compute. */
  operators: string[];
  /** Of one product; absent where it failed. */
  ms?: number;
  /** ONNX Runtime's words. */
  error?: string;
}

const nothing = { place: () => undefined };

/** What is not told of a product: it moves or names elements. */
const moving = ['Reshape', 'Slice', 'Identity', 'Expand', 'Cast', 'Loop'];

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error)).trim();

/** Milliseconds that are long enough to be measured, and products that are enough in any case. */
const [enough, most] = [100, 200];

async function timeOf(model: Uint8Array, device: DeviceOptions): Promise<number> {
  const { engine } = await chooseEngine(device);
  const session = await engine.open(model, device);
  try {
    const run = async (trips: number) => {
      const given = {
        value: { data: Float32Array.of(0.5), dims: [1] },
        trips: { data: Int32Array.of(trips), dims: [1] },
      };
      const started = performance.now();
      const { first } = await session.run(given, nothing);
      const milliseconds = performance.now() - started;
      if (!(first!.data as Float32Array).every(Number.isFinite)) throw new Error('what came out is not finite');
      return milliseconds;
    };
    // cuDNN looks for a plan in the first.
    await run(1);
    const few = 2;
    const short = await run(few);
    const more = Math.min(most, Math.max(4, Math.round((few * enough) / short)));
    return ((await run(few + more)) - short) / more;
  } finally {
    await session.release();
  }
}

async function planOf(convolution: Convolution, product: Product, device: DeviceOptions): Promise<Plan> {
  const { layer, layers, x } = convolution;
  const model = productModel(convolution, product);
  const computing = [...nodesOf(model)].map(({ type }) => type).filter((type) => !moving.includes(type));
  const plan: Plan = { layer, layers, product, x, operators: [...new Set(computing)] };
  try {
    return { ...plan, ms: await timeOf(model, device) };
  } catch (error) {
    return { ...plan, error: inWords(error) };
  }
}

/** Each in turn, as it is known. */
export async function* plansOf(training: TrainingOptions, device: DeviceOptions): AsyncGenerator<Plan> {
  for (const convolution of convolutionsOf(training))
    for (const product of products)
      if (!convolution.isFirst || product !== 'input gradient') yield await planOf(convolution, product, device);
}
