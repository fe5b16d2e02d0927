/** Which lowering of a convolution runs where: measured, see bench/results. */
import type { Provider } from '../options.js';
import type { Pair } from './windows.js';

export interface Strategies {
  forward: 'conv' | 'im2col' | 'pointwise';
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

interface Row {
  providers: readonly Provider[];
  when: (shape: ConvShape) => boolean;
  use: Strategies;
}

const everywhere: readonly Provider[] = ['cpu', 'cuda', 'webgpu'];
const isPointwise = ({ kernel, padding }: ConvShape) => kernel[0] * kernel[1] === 1 && !padding[0] && !padding[1];
/** One im2col of dy for both gradients would be larger than one of x for the weight, or than memory should hold. */
const growsTooFar = ({ batch, channels, filters, kernel, size }: ConvShape) =>
  filters > channels || filters * kernel[0] * kernel[1] * batch * size[0] * size[1] > largestColumns;
const isStrided = ({ stride }: ConvShape) => stride[0] * stride[1] > 1;

/** The first row that matches is taken. */
const table: readonly Row[] = [
  {
    providers: everywhere,
    when: isPointwise,
    use: { forward: 'pointwise', gradients: 'apart', input: 'pointwise', weight: 'pointwise' },
  },
  {
    providers: everywhere,
    when: (shape) => shape.channels <= 4,
    use: { forward: 'conv', gradients: 'apart', input: 'convTranspose', weight: 'swapped' },
  },
  {
    providers: everywhere,
    when: isStrided,
    use: { forward: 'conv', gradients: 'apart', input: 'convTranspose', weight: 'im2col' },
  },
  {
    providers: everywhere,
    when: growsTooFar,
    use: { forward: 'conv', gradients: 'apart', input: 'turned', weight: 'im2col' },
  },
  {
    providers: ['cpu'],
    when: ({ extent }) => extent[0] * extent[1] <= 49,
    use: { forward: 'im2col', gradients: 'shared', input: 'convTranspose', weight: 'im2col' },
  },
  {
    providers: everywhere,
    when: () => true,
    use: { forward: 'conv', gradients: 'shared', input: 'convTranspose', weight: 'im2col' },
  },
];

export function convStrategies(provider: Provider, shape: ConvShape): Strategies {
  return table.find((row) => row.providers.includes(provider) && row.when(shape))!.use;
}
