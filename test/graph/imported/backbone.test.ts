import { describe, expect, it } from 'vitest';
import { fileBackbone } from '../../../src/graph/imported/backbone.js';
import type { FileModel } from '../../../src/graph/imported/model.js';
import { describeNetwork, initialState } from '../../../src/graph/step/describe.js';
import { fileOf, modelOf, node, noExternal, tensor } from './fixture.js';
import { readModel } from '../../../src/graph/imported/model.js';

const weight = tensor(
  'w',
  [4, 3, 1, 1],
  Array.from({ length: 12 }, (_, i) => i / 10),
);
const convolved = [node('Conv', ['images', 'w'], 'maps'), node('GlobalAveragePool', ['maps'], 'pooled')];
const small = (): FileModel =>
  modelOf({ nodes: [...convolved, node('Flatten', ['pooled'], 'features')], tensors: [weight] });

const options = { model: 'made', featDim: 4, embedDim: 2, imageSize: 8 };
const layoutOf = (model: FileModel, backboneOptions = {}) =>
  describeNetwork({ ...options, backboneOptions }, { backbone: fileBackbone('made', model) });

describe('a backbone from a file', () => {
  it('has the tensors of the file by their names, and begins with their values', () => {
    const definitions = { backbone: fileBackbone('made', small()) };
    const layout = describeNetwork(options, definitions);
    expect(layout.params.map(({ name }) => name)).toEqual(['base_net.w', 'dense.weight', 'dense.bias']);
    const training = {
      ...options,
      batchSize: 4,
      batchK: 2,
      classes: 2,
      margin: 0.2,
      nu: 0,
      beta: 1.2,
      learnBeta: true,
    };
    const rest = { dropout: 0, freezeBn: false, backboneLrMult: 1, normalizeWeights: false, optimizer: 'sgd' };
    const all = { ...training, ...rest, momentum: 0.9, weightDecay: 0, provider: 'cpu' as const };
    const { params } = initialState(all, 3, layout, definitions);
    expect([...params!.slice(0, 12)]).toEqual([...new Float32Array(12).map((_, i) => i / 10)]);
  });

  it('says how wide its features are, and refuses another width', () => {
    expect(fileBackbone('made', small()).create({ input: '', features: '', pool: 'auto', freeze: '' }).width!(8)).toBe(
      4,
    );
    expect(() => describeNetwork({ ...options, featDim: 5 }, { backbone: fileBackbone('made', small()) })).toThrow(
      /features of the file are 4 wide: leave out --feat-dim 5/,
    );
  });

  it('pools maps by themselves, and takes any inner tensor', () => {
    expect(layoutOf(small(), { features: 'maps' }).params).toHaveLength(3);
    expect(layoutOf(small(), { features: 'maps', pool: 'gem' }).params).toHaveLength(3);
    expect(() => layoutOf(small(), { features: 'nothing' })).toThrow(/no node gives nothing/);
  });

  it('keeps frozen tensors beside those that learn', () => {
    const { params, buffers } = layoutOf(small(), { freeze: 'all' });
    expect(params.map(({ name }) => name)).toEqual(['dense.weight', 'dense.bias']);
    expect(buffers.map(({ name }) => name)).toEqual(['base_net.w']);
    expect(layoutOf(small(), { freeze: 'x*' }).buffers).toEqual([]);
  });

  it('takes images by the axis of their colors', () => {
    const last = modelOf({
      nodes: [
        node('Transpose', ['images'], 'turned', { perm: [0, 3, 1, 2] }),
        node('Conv', ['turned', 'w'], 'features'),
      ],
      tensors: [weight],
      shape: ['batch', 8, 8, 3],
    });
    expect(layoutOf(last, { pool: 'mean' }).params[0]!.name).toBe('base_net.w');
  });

  it('is no network of texts', () => {
    const text = fileOf({
      nodes: [node('Gather', ['w', 'images'], 'features')],
      tensors: [weight],
      shape: ['n', 12],
      dtype: 'int64',
    });
    expect(() => layoutOf(readModel(text, noExternal))).toThrow(/no input takes images.*images \[\?, 12\]/);
  });

  it('names the node that has no gradient', () => {
    const other = modelOf({
      nodes: [node('Conv', ['images', 'w'], 'maps'), node('Frobnicate', ['maps'], 'features', {}, 'com.acme')],
      tensors: [weight],
    });
    expect(() => layoutOf(other)).toThrow(/node features \(Frobnicate\): operators of com\.acme have no gradient/);
    const control = modelOf({
      nodes: [
        ...convolved,
        {
          ...node('If', ['pooled'], 'features'),
          attribute: [{ name: 'then_branch', type: 5, g: fileOf({ nodes: [] }).graph }],
        },
      ],
      tensors: [weight],
    });
    expect(() => layoutOf(control)).toThrow(/node features \(If\)/);
  });
});
