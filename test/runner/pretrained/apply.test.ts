import { describe, expect, it } from 'vitest';
import { describeNetwork } from '../../../src/graph/step/describe.js';
import { imageNet } from '../../../src/graph/preprocessing.js';
import type { NetworkLayout, TensorSpec } from '../../../src/graph/state/state.js';
import { elementCount } from '../../../src/graph/onnx/types.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { applyWeights } from '../../../src/runner/pretrained/apply.js';
import type { WeightFile, WeightTensor } from '../../../src/runner/weights/weight-file.js';

type Shapes = Record<string, number[]>;

const specs = (shapes: Shapes): TensorSpec[] =>
  Object.entries(shapes).map(([name, shape]) => ({ name, shape, init: { kind: 'constant', value: 0 } }));
const countOf = (list: readonly TensorSpec[]) => list.reduce((n, { shape }) => n + elementCount(shape), 0);

/** A convolution, batch normalization, a last layer of two outputs, a head of three. */
const layout: NetworkLayout = (() => {
  const params = specs({
    'base_net.conv.weight': [2, 1, 1, 2],
    'base_net.bn.weight': [2],
    'base_net.fc.weight': [2, 2],
    'base_net.fc.bias': [2],
    'dense.weight': [3, 2],
    'dense.bias': [3],
  });
  const buffers = specs({ 'base_net.bn.running_mean': [2], 'base_net.bn.running_var': [2] });
  const counts = { paramCount: countOf(params), bufferCount: countOf(buffers), bodyCount: 6, dropoutCount: 0 };
  return { params, buffers, ...counts };
})();

/** What a tensor holds: values from `first` on. */
const valuesFrom = (first: number, shape: number[]) =>
  Float32Array.from({ length: elementCount(shape) }, (_, i) => first + i);

/** A file of tensors; the first holds 100, 101, ..., the second 200, 201, ... */
function file(shapes: Shapes | [string, number[]][], path = 'net.pth'): WeightFile {
  const entries = Array.isArray(shapes) ? shapes : Object.entries(shapes);
  const tensors = entries.map(([name, shape], i): WeightTensor => ({
    name,
    container: '',
    source: name,
    shape,
    read: () => Promise.resolve(valuesFrom(100 * (i + 1), shape)),
  }));
  return { path, format: 'fake', tensors, passedOver: [], close: () => Promise.resolve() };
}

const body: Shapes = {
  'conv.weight': [2, 1, 1, 2],
  'bn.weight': [2],
  'bn.running_mean': [2],
  'bn.running_var': [2],
};
const last: Shapes = { 'fc.weight': [2, 2], 'fc.bias': [2] };
const head: Shapes = { 'dense.weight': [3, 2], 'dense.bias': [3] };

const bodyNames = ['conv.weight', 'bn.weight', 'bn.running_mean', 'bn.running_var'].map((name) => `base_net.${name}`);
const lastNames = ['base_net.fc.weight', 'base_net.fc.bias'];
const headNames = ['dense.weight', 'dense.bias'];

async function apply(from: WeightFile, to = layout) {
  const vectors = { params: new Float32Array(to.paramCount), buffers: new Float32Array(to.bufferCount) };
  return { report: await applyWeights(from, to, vectors), ...vectors };
}

const refusal = async (from: WeightFile, to = layout): Promise<string> => {
  const error: unknown = await apply(from, to).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
};

const named = (change: (name: string) => string, ...shapes: Shapes[]): Shapes =>
  Object.fromEntries(
    Object.entries(Object.assign({}, ...shapes) as Shapes).map(([name, shape]) => [change(name), shape]),
  );

describe('what is loaded', () => {
  it('goes to its place in the flat vectors, whatever the order in the file', async () => {
    const { report, params, buffers } = await apply(file({ 'bn.running_var': [2], ...last, ...body, ...head }));
    expect([...params]).toEqual([
      ...[400, 401, 402, 403, 500, 501],
      ...[200, 201, 202, 203, 300, 301],
      ...[700, 701, 702, 703, 704, 705, 800, 801, 802],
    ]);
    expect([...buffers]).toEqual([600, 601, 100, 101]);
    const inOrder = [...bodyNames.slice(0, 2), ...lastNames, ...headNames, ...bodyNames.slice(2)];
    expect(report).toEqual({ at: '', loaded: inOrder, skipped: [], fresh: [], notes: [] });
  });

  it.each<[string, (name: string) => string]>([
    ['of torchvision', (name) => name],
    ['with module. in front', (name) => `module.${name}`],
    ['with base_net. in front', (name) => (name in head ? name : `base_net.${name}`)],
    ['with both in front', (name) => (name in head ? `module.${name}` : `module.base_net.${name}`)],
  ])('has names %s', async (_, change) => {
    const { report } = await apply(file(named(change, body, last, head)));
    expect(report).toMatchObject({ skipped: [], fresh: [] });
  });

  it('tells where it is, what is called otherwise, what lies elsewhere and what was passed over', async () => {
    const old = file(named((name) => `state_dict.net.${name.replace('bn.', 'bn.module.')}`, body, last));
    const tensors = old.tensors.map((tensor) => ({ ...tensor, container: 'state_dict' }));
    const read = () => Promise.resolve(new Float32Array(1));
    const moment = { name: 'optimizer.0.exp_avg', container: 'optimizer.0', source: 'm', shape: [1], read };
    const passedOver = ['argparse.Namespace'];
    const { report } = await apply({ ...old, tensors: [moment, ...tensors], passedOver });
    expect(report).toMatchObject({ at: 'state_dict.net', skipped: [] });
    expect(report.notes).toEqual([
      "its names are others than torchvision's: state_dict.net.bn.module.weight is base_net.bn.weight, for example",
      'one tensor elsewhere in it is not used, in optimizer',
      'objects that are no weights were passed over, and nothing of them was run: argparse.Namespace',
    ]);
  });

  it('leaves the rest of the file out and says so', async () => {
    const { report } = await apply(file({ 'AuxLogits.fc.weight': [9], ...body, ...last, 'optimizer.step': [] }));
    expect(report.skipped).toEqual(['AuxLogits.fc.weight', 'optimizer.step']);
  });
});

describe('the last layer', () => {
  it('stays as it was when it has other shapes in the file', async () => {
    const { report, params } = await apply(file({ ...body, 'fc.weight': [1000, 2], 'fc.bias': [1000] }));
    expect(report).toEqual({
      at: '',
      loaded: [...bodyNames],
      skipped: ['fc.weight', 'fc.bias'],
      fresh: [...lastNames, ...headNames],
      notes: [],
    });
    expect([...params.subarray(6)]).toEqual(Array(15).fill(0));
  });

  it('stays as it was when only a part of it fits, or is there', async () => {
    const parts: Shapes[] = [{ 'fc.weight': [2, 2], 'fc.bias': [1] }, { 'fc.weight': [2, 2] }, {}];
    for (const part of parts) {
      const { report } = await apply(file({ ...body, ...part, ...head }));
      expect(report).toMatchObject({ skipped: Object.keys(part), fresh: lastNames });
    }
  });

  it.each([
    ['resnet18', 'base_net.fc'],
    ['squeezenet1_1', 'base_net.classifier.1'],
    ['densenet121', 'base_net.classifier'],
    ['alexnet', 'base_net.classifier.6'],
  ])('of %s is %s', async (model, layer) => {
    const described = describeNetwork({ model, featDim: 3, embedDim: 2, imageSize: 224 });
    const tensors = [...described.params, ...described.buffers].filter(({ name }) => !name.startsWith('dense.'));
    const shapes = tensors.map(({ name, shape }): [string, number[]] => {
      const bare = name.replace('base_net.', '');
      return [bare, name.startsWith(`${layer}.`) ? [1000, ...shape.slice(1)] : shape];
    });
    const from = file(shapes);
    // Values do not matter here, and some tensors are large.
    const tensorsOfZeros = from.tensors.map((tensor) => ({
      ...tensor,
      read: () => Promise.resolve(new Float32Array()),
    }));
    const { report } = await apply({ ...from, tensors: tensorsOfZeros }, described);
    expect(report.fresh).toEqual([`${layer}.weight`, `${layer}.bias`, ...headNames]);
    expect(report.skipped).toEqual(report.fresh.slice(0, 2).map((name) => name.replace('base_net.', '')));
  });
});

describe('a file that does not fit', () => {
  it('is refused with both shapes', async () => {
    expect(await refusal(file({ ...body, 'conv.weight': [2, 1, 3, 3], ...last }))).toBe(
      'net.pth (fake) does not fit the network in one tensor:\n' +
        '  base_net.conv.weight: [2,1,3,3] in the file, [2,1,1,2] in the network\n' +
        'Give weights of this --model, or the --model that they are of.',
    );
  });

  it('is refused with how many tensors it lacks, running statistics too', async () => {
    const message = await refusal(file({ 'conv.weight': [2, 1, 1, 2], 'bn.weight': [2] }));
    expect(message).toContain('does not fit the network in 2 tensors:');
    expect(message).toContain('base_net.bn.running_mean: not in the file, [2] in the network');
    expect(message).toContain('base_net.bn.running_var: not in the file');
  });

  it('is refused when its head has other shapes, or only half of one', async () => {
    const other = { 'dense.weight': [4, 2], 'dense.bias': [4] };
    expect(await refusal(file({ ...body, ...last, ...other }))).toContain('dense.weight: [4,2] in the file, [3,2] in');
    expect(await refusal(file({ ...body, 'dense.bias': [3] }))).toContain('dense.weight: not in the file');
  });

  it('is refused when it is of something else altogether', async () => {
    const message = await refusal(file({ 'onnx::Conv_193': [2, 1, 1, 2] }));
    expect(message).toContain('none of its tensors (1) has a name of torchvision');
    expect(message).toContain('the first is called onnx::Conv_193');
    expect(await refusal(file({}))).toContain('none of its tensors (0)');
  });

  it('is refused when two modules mean the same', async () => {
    const twice = named((name) => name.replace('bn.', 'bn.module.'), body);
    expect(await refusal(file({ ...body, ...twice }))).toContain('two things for bn: bn and bn.module');
  });

  it('is refused when it holds two networks, unless one is chosen', async () => {
    const two = {
      ...named((name) => `student.${name}`, body, last),
      ...named((name) => `teacher.${name}`, body, last),
    };
    expect(await refusal(file(two))).toContain('at 2 places: student, teacher. Say which with --weights-at');
    const vectors = { params: new Float32Array(layout.paramCount), buffers: new Float32Array(layout.bufferCount) };
    const report = await applyWeights(file(two), layout, vectors, { at: 'teacher' });
    expect(report).toMatchObject({ at: 'teacher', fresh: headNames });
    expect(report.skipped).toEqual(Object.keys(named((name) => `student.${name}`, body, last)));
    expect([...vectors.params.subarray(0, 4)]).toEqual([700, 701, 702, 703]);
  });

  it('is refused with what to do, where the file tells why', async () => {
    const folded = { ...file({ 'conv.weight': [2, 1, 1, 2] }), hint: 'Its normalization was folded. Export it again.' };
    expect(await refusal(folded)).toMatch(
      /\n {2}base_net.bn.weight: not in the file.*\nIts normalization was folded\. Export/s,
    );
  });

  it('is refused before anything is written', async () => {
    const vectors = { params: new Float32Array(layout.paramCount), buffers: new Float32Array(layout.bufferCount) };
    const from = file({ ...body, 'bn.running_var': [3] });
    await expect(applyWeights(from, layout, vectors)).rejects.toThrow(UserError);
    expect([...vectors.params, ...vectors.buffers].every((value) => value === 0)).toBe(true);
  });

  it.each([NaN, Infinity, -Infinity])('is refused when it holds %s', async (value) => {
    const from = file({ ...body, ...last });
    from.tensors[1]!.read = () => Promise.resolve(Float32Array.of(1, value));
    expect(await refusal(from)).toBe('net.pth: tensor bn.weight holds values that are not finite. Give another file.');
  });
});

describe('densenet', () => {
  const described = describeNetwork({ model: 'densenet121', featDim: 3, embedDim: 2, imageSize: 64 });
  const old = (name: string) => name.replace(/(denselayer\d+\.(?:norm|conv))([12])/, '$1.$2');

  it('of an old file has its names renamed', async () => {
    const tensors = [...described.params, ...described.buffers].filter(({ name }) => !name.startsWith('dense.'));
    const shapes = tensors.map(({ name, shape }): [string, number[]] => [old(name.replace('base_net.', '')), shape]);
    const names = shapes.map(([name]) => name);
    expect(names).toContain('features.denseblock1.denselayer1.norm.1.running_mean');
    expect(names).toContain('features.denseblock4.denselayer16.conv.2.weight');
    const { report } = await apply(file(shapes), described);
    expect(report).toMatchObject({ skipped: [], fresh: headNames });
    expect(report.loaded).toHaveLength(tensors.length);
  });
});

describe('inception_v3', () => {
  const params = specs({
    'base_net.Conv2d_1a_3x3.conv.weight': [1, 3, 1, 1],
    'base_net.fc.weight': [2, 2],
    'base_net.fc.bias': [2],
    'dense.weight': [3, 2],
    'dense.bias': [3],
  });
  const buffers = specs({ 'base_net.Conv2d_1a_3x3.bn.running_mean': [1] });
  const small: NetworkLayout = { params, buffers, paramCount: 18, bufferCount: 1, bodyCount: 3, dropoutCount: 0 };
  const shapes = {
    'Conv2d_1a_3x3.conv.weight': [1, 3, 1, 1],
    'Conv2d_1a_3x3.bn.running_mean': [1],
    'AuxLogits.fc.weight': [1000, 768],
    ...last,
  };
  const { mean, std } = imageNet;

  it('of the published file is changed for normalized images, which is told', async () => {
    const {
      report,
      params: loaded,
      buffers: statistics,
    } = await apply(file(shapes, '/cache/inception_v3_google-0cc3c7bd.pth'), small);
    const weight = [100, 101, 102];
    const scaled = weight.map((w, c) => Math.fround(w * (std[c]! / 0.5)));
    expect([...loaded.subarray(0, 3)]).toEqual(scaled);
    const shift = weight.reduce((sum, w, c) => sum + w * ((mean[c]! - 0.5) / 0.5), 0);
    expect(statistics[0]).toBeCloseTo(200 - shift, 4);
    expect(report.skipped).toEqual(['AuxLogits.fc.weight']);
    expect(report.notes).toEqual([
      expect.stringMatching(/^inception_v3_google-0cc3c7bd\.pth is for images in \[-1, 1\]: /),
    ]);
  });

  it('of another file is taken as it is, which is told', async () => {
    const { report, params: loaded, buffers: statistics } = await apply(file(shapes, '/mine/inception.pth'), small);
    expect([...loaded.subarray(0, 3), ...statistics]).toEqual([100, 101, 102, 200]);
    expect(report.notes).toEqual([expect.stringMatching(/^taken as weights for images normalized/)]);
  });
});
