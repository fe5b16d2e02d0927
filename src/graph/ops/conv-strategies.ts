/** Which lowering of a convolution runs where: measured, see bench/results. */
import type { Provider } from '../options.js';
import type { Pair } from './windows.js';

export interface Strategies {
  forward: 'conv' | 'im2col' | 'pointwise';
  /** `shared`: dx and dw from one im2col of dy (stride 1 only); `apart`: by `input` and `weight`. */
  gradients: 'shared' | 'apart';
  input: 'convTranspose' | 'pointwise';
  weight: 'im2col' | 'pointwise' | 'swapped';
}

export interface ConvShape {
  channels: number;
  kernel: Pair;
  stride: Pair;
  padding: Pair;
  extent: Pair;
}

interface Row {
  providers: readonly Provider[];
  when: (shape: ConvShape) => boolean;
  use: Strategies;
}

const everywhere: readonly Provider[] = ['cpu', 'cuda', 'webgpu'];
const isPointwise = ({ kernel, padding }: ConvShape) => kernel[0] * kernel[1] === 1 && !padding[0] && !padding[1];
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
