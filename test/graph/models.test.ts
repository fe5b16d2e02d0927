import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { backbones } from '../../src/graph/models/index.js';

/** Of torchvision's state_dicts with 512 outputs and a head of 128: counts, and SHA-256 of all names and shapes in order. */
const layouts = JSON.parse(readFileSync(new URL('../golden/layouts.json', import.meta.url), 'utf8')) as Record<
  string,
  { params: number; buffers: number; values: number; sha256: string }
>;

const network = (model: string, imageSize = backbones[model]!.imageSize) => ({
  ...{ model, imageSize },
  ...{ featDim: 512, embedDim: 128 },
});

describe('backbones', () => {
  it('are the 21 of torchvision', () => {
    expect(Object.keys(backbones).sort()).toEqual(Object.keys(layouts).sort());
  });

  it.each(Object.keys(layouts))("%s has the names, shapes and order of torchvision's state_dict", (model) => {
    const { params, buffers, paramCount } = describeNetwork(network(model));
    const lines = [...params, ...buffers].map(({ name, shape }) => `${name} ${shape.join('x')}`);
    const sha256 = createHash('sha256').update(lines.join('\n')).digest('hex');
    const found = { params: params.length, buffers: buffers.length, values: paramCount, sha256 };
    expect(found).toEqual(layouts[model]);
  });

  it.each(Object.keys(layouts))('%s takes images of its smallest size, and says so of smaller ones', (model) => {
    const { smallest } = backbones[model]!;
    expect(() => describeNetwork(network(model, smallest))).not.toThrow();
    if (smallest === 1) return;
    expect(() => describeNetwork(network(model, smallest - 1))).toThrow(
      `smallest images it can take have ${smallest} px`,
    );
  });

  it('put their last layer directly in front of the head, so that the body is one range of the parameters', () => {
    for (const model of Object.keys(backbones)) {
      const { params, bodyCount, paramCount } = describeNetwork(network(model));
      const last = params.slice(-4).map(({ name }) => name.replace(/^base_net\.(fc|classifier(\.\d)?)\./, 'LAST.'));
      expect(last, model).toEqual(['LAST.weight', 'LAST.bias', 'dense.weight', 'dense.bias']);
      const lastCount = params.slice(-4).reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
      expect(bodyCount, model).toBe(paramCount - lastCount);
    }
  });
});

describe('initial weights follow torchvision', () => {
  const initOf = (model: string, name: string) =>
    describeNetwork(network(model)).params.find((spec) => spec.name === `base_net.${name}`)!.init;

  it.each([
    ['alexnet', 'features.3.weight', { kind: 'uniform', bound: 1 / Math.sqrt(64 * 25) }],
    ['alexnet', 'features.3.bias', { kind: 'uniform', bound: 1 / Math.sqrt(64 * 25) }],
    ['vgg16', 'features.2.weight', { kind: 'normal', std: Math.sqrt(2 / (64 * 9)) }],
    ['vgg16', 'features.2.bias', { kind: 'constant', value: 0 }],
    ['vgg16', 'classifier.0.weight', { kind: 'normal', std: 0.01 }],
    ['squeezenet1_0', 'features.3.squeeze.weight', { kind: 'uniform', bound: Math.sqrt(6 / 96) }],
    ['squeezenet1_0', 'classifier.1.weight', { kind: 'normal', std: 0.01 }],
    ['densenet121', 'features.conv0.weight', { kind: 'normal', std: Math.sqrt(2 / 147) }],
    ['densenet121', 'classifier.bias', { kind: 'constant', value: 0 }],
    ['inception_v3', 'Mixed_5b.branch1x1.conv.weight', { kind: 'truncated-normal', std: 0.1, bound: 2 }],
    ['inception_v3', 'fc.weight', { kind: 'truncated-normal', std: 0.1, bound: 2 }],
    ['resnet18', 'conv1.weight', { kind: 'normal', std: Math.sqrt(2 / (64 * 49)) }],
  ])('%s %s', (model, name, init) => {
    expect(initOf(model, name)).toEqual(init);
  });
});
