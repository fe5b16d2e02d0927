/** Which lowering of a convolution runs where: measured, see bench/results/models-cpu.md. */
import type { Provider } from '../options.js';
import type { Pair } from './windows.js';

export interface Strategies {
  forward: 'conv' | 'stacked' | 'pointwise';
  /** `shared`: dx and dw from one im2col of dy (stride 1 only); `apart`: by `input` and `weight`. */
  gradients: 'shared' | 'apart';
  input: 'convTranspose' | 'turned' | 'pointwise';
  weight: 'im2col' | 'pointwise' | 'swapped';
  /** Elements of shifted copies that `im2col` makes at a time; 256 MiB of them unless given. */
  largestColumns?: number;
}

export interface ConvShape {
  batch: number;
  channels: number;
  filters: number;
  kernel: Pair;
  stride: Pair;
  padding: Pair;
  size: Pair;
  extent: Pair;
}

/** 256 MiB of float32. */
export const largestColumns = 2 ** 26;

interface Row<T> {
  providers: readonly Provider[];
  when: (shape: ConvShape) => boolean;
  use: T;
}

const everywhere: readonly Provider[] = ['cpu', 'cuda', 'webgpu'];
const isPointwise = ({ kernel, padding }: ConvShape) => kernel[0] * kernel[1] === 1 && !padding[0] && !padding[1];
/** One im2col of dy for both gradients would be larger than one of x for the weight, or than memory should hold. */
const growsTooFar = ({ batch, channels, filters, kernel, size }: ConvShape) =>
  filters > channels || filters * kernel[0] * kernel[1] * batch * size[0] * size[1] > largestColumns;
/** Output pixels by which ONNX Runtime's CPU provider convolves slowly: fewer than filters, or few. */
const isFew = ({ filters, extent }: ConvShape) => extent[0] * extent[1] < Math.max(filters, 50);
const isStrided = ({ stride }: ConvShape) => stride[0] * stride[1] > 1;
const always = () => true;

const forwardTable: readonly Row<Pick<Strategies, 'forward'>>[] = [
  { providers: everywhere, when: isPointwise, use: { forward: 'pointwise' } },
  {
    providers: ['cpu'],
    when: isFew,
    use: { forward: 'stacked' },
  },
  { providers: everywhere, when: always, use: { forward: 'conv' } },
];

const gradientTable: readonly Row<Omit<Strategies, 'forward'>>[] = [
  {
    providers: everywhere,
    when: isPointwise,
    use: { gradients: 'apart', input: 'pointwise', weight: 'pointwise' },
  },
  {
    providers: everywhere,
    when: ({ channels }) => channels <= 4,
    use: { gradients: 'apart', input: 'convTranspose', weight: 'swapped' },
  },
  {
    providers: everywhere,
    when: isStrided,
    use: { gradients: 'apart', input: 'convTranspose', weight: 'im2col' },
  },
  { providers: everywhere, when: growsTooFar, use: { gradients: 'apart', input: 'turned', weight: 'im2col' } },
  { providers: everywhere, when: always, use: { gradients: 'shared', input: 'convTranspose', weight: 'im2col' } },
];

/** The first row that matches. */
const pick = <T>(table: readonly Row<T>[], provider: Provider, shape: ConvShape): T =>
  table.find((row) => row.providers.includes(provider) && row.when(shape))!.use;

export const convStrategies = (provider: Provider, shape: ConvShape): Strategies => ({
  ...pick(forwardTable, provider, shape),
  ...pick(gradientTable, provider, shape),
});
