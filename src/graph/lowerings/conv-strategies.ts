/** Which lowering of a convolution runs where: measured, see bench/results/models-cpu.md. */
import type { Provider } from '../options.js';
import type { Pair } from './windows.js';

export interface Strategies {
  forward: 'conv' | 'stacked' | 'pointwise';
  /** `shared`: dx and dw from one im2col of dy (stride 1 only); `apart`: by `input` and `weight`. */
  gradients: 'shared' | 'apart';
  input: 'convTranspose' | 'turned' | 'pointwise';
  weight: 'im2col' | 'pointwise' | 'swapped' | 'grouped';
  /** Elements of shifted copies that `im2col` makes at a time; 256 MiB of them unless given. */
  largestColumns?: number;
}

export interface ConvShape {
  batch: number;
  channels: number;
  filters: number;
  /** Channels and filters are divided into so many groups, each convolved by itself; as many as channels: depthwise. */
  groups: number;
  kernel: Pair;
  stride: Pair;
  dilation: Pair;
  /** In front of and behind each spatial axis. */
  padding: Pair;
  behind: Pair;
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
const isGrouped = ({ groups }: ConvShape) => groups > 1;
const isPadded = ({ padding, behind }: ConvShape) => [...padding, ...behind].some((pad) => pad !== 0);
const isPointwise = (shape: ConvShape) =>
  shape.kernel[0] * shape.kernel[1] === 1 && !isPadded(shape) && !isGrouped(shape);
/** One im2col of dy for both gradients would be larger than one of x for the weight, or than memory should hold. */
const growsTooFar = ({ batch, channels, filters, kernel, size }: ConvShape) =>
  filters > channels || filters * kernel[0] * kernel[1] * batch * size[0] * size[1] > largestColumns;
/** Output pixels by which ONNX Runtime's CPU provider convolves slowly: fewer than filters, or few. */
const isFew = ({ filters, extent }: ConvShape) => extent[0] * extent[1] < Math.max(filters, 50);
const isStrided = ({ stride, dilation }: ConvShape) => [...stride, ...dilation].some((step) => step > 1);
/** Padding of a whole kernel or more: some windows lie beside the image. */
const isWide = ({ padding, behind, kernel, dilation }: ConvShape) =>
  [0, 1].some((i) => Math.max(padding[i]!, behind[i]!) > (kernel[i]! - 1) * dilation[i]!);
const always = () => true;

const forwardTable: readonly Row<Pick<Strategies, 'forward'>>[] = [
  { providers: everywhere, when: isPointwise, use: { forward: 'pointwise' } },
  {
    providers: ['cpu'],
    when: (shape) => isFew(shape) && !isWide(shape),
    use: { forward: 'stacked' },
  },
  { providers: everywhere, when: always, use: { forward: 'conv' } },
];

const gradientTable: readonly Row<Omit<Strategies, 'forward'>>[] = [
  {
    providers: everywhere,
    when: isGrouped,
    use: { gradients: 'apart', input: 'convTranspose', weight: 'grouped' },
  },
  {
    providers: everywhere,
    when: isPointwise,
    use: { gradients: 'apart', input: 'pointwise', weight: 'pointwise' },
  },
  // Copies are made once, by a table, and the input's gradient by cuDNN: a matrix of it would be kernel-size times as much memory.
  {
    providers: ['cuda'],
    when: always,
    use: { gradients: 'apart', input: 'convTranspose', weight: 'im2col', largestColumns: 2 ** 28 },
  },
  {
    providers: everywhere,
    when: ({ channels }) => channels <= 4,
    use: { gradients: 'apart', input: 'convTranspose', weight: 'swapped' },
  },
  {
    providers: everywhere,
    when: (shape) => isStrided(shape) || isWide(shape),
    use: { gradients: 'apart', input: 'convTranspose', weight: 'im2col' },
  },
  { providers: everywhere, when: growsTooFar, use: { gradients: 'apart', input: 'turned', weight: 'im2col' } },
  { providers: everywhere, when: always, use: { gradients: 'shared', input: 'convTranspose', weight: 'im2col' } },
];

/** The first row that matches. */
const pick = <T>(table: readonly Row<T>[], provider: Provider, shape: ConvShape): T =>
  table.find((row) => row.providers.includes(provider) && row.when(shape))!.use;

/**
 * @param deterministic on CUDA, without ConvTranspose: cuDNN's engines for it may add in any order, and which one is taken can't be
 *   chosen from outside
 */
export function convStrategies(provider: Provider, shape: ConvShape, deterministic = false): Strategies {
  const chosen = { ...pick(forwardTable, provider, shape), ...pick(gradientTable, provider, shape) };
  const isOpen = provider === 'cuda' && deterministic && chosen.input === 'convTranspose';
  return isOpen ? { ...chosen, input: 'turned' } : chosen;
}
