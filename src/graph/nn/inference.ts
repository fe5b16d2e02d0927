/** Layers for inference: feature maps laid out (N, C, H, W), ONNX's own operators, running statistics, any batch size. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import { convAttributes } from '../lowerings/conv.js';
import type { ElementwiseOperator } from './elementwise.js';
import { elementwise } from './elementwise.js';
import type { ConvOptions, Layers, LinearOptions, ParameterSource, PoolOptions, WriteSite } from './layers.js';
import { batchNormParams, convGeometry, convParams, linearParams, poolGeometry, writeSite } from './layers.js';
import { mul } from '../ops/arithmetic.js';
import { linear } from '../ops/linear.js';
import { bnDefaults } from '../ops/norm.js';
import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from '../ops/pool.js';

export class InferenceLayers implements Layers {
  constructor(
    private readonly g: GraphBuilder,
    private readonly source: ParameterSource,
  ) {}

  scope<T>(name: string, body: () => T): T {
    return this.g.scope(name, body);
  }

  channels(x: Value): number {
    return x.shape[1] as number;
  }

  conv2d(name: string, x: Value, options: ConvOptions): Value {
    return this.scope(name, () => {
      const { weight, bias } = convParams(this.source, this.g.path, this.channels(x), options);
      return this.g.op('Conv', bias ? [x, weight, bias] : [x, weight], convAttributes(convGeometry(options)));
    });
  }

  batchNorm2d(name: string, x: Value, epsilon: number = bnDefaults.epsilon): Value {
    return this.scope(name, () => {
      const { weight, bias, runningMean, runningVar } = batchNormParams(this.source, this.g.path, this.channels(x));
      return this.g.op('BatchNormalization', [x, weight, bias, runningMean, runningVar], { epsilon });
    });
  }

  relu(x: Value): Value {
    return this.g.op('Relu', [x]);
  }

  elementwise(operator: ElementwiseOperator, x: Value): Value {
    return elementwise(this.g, operator, x);
  }

  mul(a: Value, b: Value): Value {
    return mul(this.g, a, b);
  }

  dropout(x: Value): Value {
    return x;
  }

  add(a: Value, b: Value): Value {
    return this.g.op('Add', [a, b]);
  }

  concat(xs: readonly Value[]): Value {
    return this.g.op('Concat', xs, { axis: 1 });
  }

  maxPool2d(x: Value, options: PoolOptions): Value {
    return maxPool2d(this.g, x, poolGeometry(options), 'cpu');
  }

  avgPool2d(x: Value, options: PoolOptions): Value {
    return avgPool2d(this.g, x, poolGeometry(options));
  }

  adaptiveAvgPool2d(x: Value, size: number): Value {
    return size === 1 ? this.g.op('GlobalAveragePool', [x]) : adaptiveAvgPool2d(this.g, x, [size, size]);
  }

  flatten(x: Value): Value {
    return this.g.op('Flatten', [x], { axis: 1 });
  }

  linear(name: string, x: Value, options: LinearOptions): Value {
    return this.scope(name, () => {
      const { weight, bias } = linearParams(this.source, this.g.path, x.shape[1] as number, options);
      return linear(this.g, x, weight, bias);
    });
  }

  written(x: Value, body: (site: WriteSite) => Value): Value {
    return body(writeSite(this.g, this.source, x, false));
  }
}
