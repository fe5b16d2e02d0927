/**
 * Layers for training: feature maps laid out (C, N, H, W), in which a 1x1 convolution is one matrix product and a channel
 * one contiguous row; every layer is differentiable.
 */
import type { GraphBuilder, Value } from '../builder/builder.js';
import type { ElementwiseOperator } from './elementwise.js';
import { elementwise } from './elementwise.js';
import type { ConvOptions, Layers, LinearOptions, ParameterSource, PoolOptions, WriteSite } from './layers.js';
import { batchNormParams, convGeometry, convParams, linearParams, poolGeometry, writeSite } from './layers.js';
import { inFloat32 } from '../lowerings/sums.js';
import { add, mul, relu } from '../ops/arithmetic.js';
import { conv2d } from '../ops/conv.js';
import type { Dropout } from '../ops/dropout.js';
import { linear } from '../ops/linear.js';
import {
  batchNormInFewKernels,
  batchNormFrozen,
  batchNormTraining,
  bnDefaults,
  renewalFactors,
  renewed,
} from '../ops/norm.js';
import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from '../ops/pool.js';
import { concat, reshape, transpose } from '../ops/shape.js';
import type { Provider } from '../options.js';

/** `batch`: batch statistics, running ones updated; `running`: running statistics, not updated. */
export type BatchNormMode = 'batch' | 'running';

export interface TrainingMode {
  provider: Provider;
  /** Default: `batch`. */
  batchNorm?: BatchNormMode;
  /** Running statistics layer by layer, or as one vector by whoever packs them. Default: `each`. */
  renewal?: 'each' | 'together';
  /** None unless given. */
  dropout?: Dropout;
}

const isHalf = ({ dtype }: Value): boolean => dtype === 'float16';

export class TrainingLayers implements Layers {
  /** New running statistics by name, filled as the model is built; none where they are renewed together. */
  readonly newBuffers = new Map<string, Value>();
  /** The batch's own statistics, and what each is multiplied with where it is added to the running one; where they are renewed together. */
  readonly statistics = new Map<string, { value: Value; factor: number }>();

  constructor(
    private readonly g: GraphBuilder,
    private readonly source: ParameterSource,
    private readonly mode: TrainingMode,
    /** Of layers that are given float16. */
    private readonly halves: ParameterSource = source,
  ) {}

  /** No layer. */
  private readonly sourceFor = (x: Value): ParameterSource => (isHalf(x) ? this.halves : this.source);

  scope<T>(name: string, body: () => T): T {
    return this.g.scope(name, body);
  }

  channels(x: Value): number {
    return x.shape[0] as number;
  }

  conv2d(name: string, x: Value, options: ConvOptions): Value {
    return this.scope(name, () => {
      const { weight, bias } = convParams(this.sourceFor(x), this.g.path, this.channels(x), options);
      return conv2d(this.g, x, weight, bias, convGeometry(options), this.mode.provider);
    });
  }

  batchNorm2d(name: string, x: Value, epsilon: number = bnDefaults.epsilon): Value {
    return this.scope(name, () => {
      const path = this.g.path;
      const params = batchNormParams(this.source, path, this.channels(x));
      if (this.mode.batchNorm === 'running')
        return inFloat32(this.g, x, (rows) => batchNormFrozen(this.g, rows, params, epsilon));
      const inFew = this.mode.provider === 'cuda' || isHalf(x);
      const normalize = inFew ? batchNormInFewKernels : batchNormTraining;
      const normalized = normalize(this.g, x, params, epsilon);
      const factors = renewalFactors(normalized);
      const running = [
        [`${path}.running_mean`, params.runningMean, normalized.mean, factors.mean],
        [`${path}.running_var`, params.runningVar, normalized.variance, factors.variance],
      ] as const;
      for (const [buffer, old, value, factor] of running) {
        if (this.mode.renewal === 'together') this.statistics.set(buffer, { value, factor });
        else this.newBuffers.set(buffer, renewed(this.g, old, value, factor));
      }
      return normalized.y;
    });
  }

  relu(x: Value): Value {
    return relu(this.g, x);
  }

  elementwise(operator: ElementwiseOperator, x: Value): Value {
    return elementwise(this.g, operator, x);
  }

  mul(a: Value, b: Value): Value {
    return mul(this.g, a, b);
  }

  dropout(x: Value): Value {
    const { dropout } = this.mode;
    return dropout ? inFloat32(this.g, x, (wide) => dropout(this.g, wide)) : x;
  }

  add(a: Value, b: Value): Value {
    return add(this.g, a, b);
  }

  concat(xs: readonly Value[]): Value {
    return concat(this.g, xs, 0);
  }

  maxPool2d(x: Value, options: PoolOptions): Value {
    return maxPool2d(this.g, x, poolGeometry(options), this.mode.provider);
  }

  avgPool2d(x: Value, options: PoolOptions): Value {
    return inFloat32(this.g, x, (wide) => avgPool2d(this.g, wide, poolGeometry(options)));
  }

  adaptiveAvgPool2d(x: Value, size: number): Value {
    return inFloat32(this.g, x, (wide) => adaptiveAvgPool2d(this.g, wide, [size, size]));
  }

  flatten(x: Value): Value {
    return reshape(this.g, transpose(this.g, x, [1, 0, 2, 3]), [x.shape[1] as number, -1]);
  }

  linear(name: string, x: Value, options: LinearOptions): Value {
    return this.scope(name, () => {
      const { weight, bias } = linearParams(this.sourceFor(x), this.g.path, x.shape[1] as number, options);
      return linear(this.g, x, weight, bias);
    });
  }

  written(x: Value, body: (site: WriteSite) => Value): Value {
    const images = transpose(this.g, isHalf(x) ? this.g.op('Cast', [x], { to: 'float32' }) : x, [1, 0, 2, 3]);
    return body(writeSite(this.g, this.source, images, isHalf(x)));
  }
}
