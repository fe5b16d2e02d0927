import { afterEach, expect, it } from 'vitest';
import type { WebModelInfo } from '../../src/graph/artifacts/web-model.js';
import { isBelow } from '../../src/web/load.js';
import { loadInfo, variantOf } from '../../src/web/model-info.js';

const folder = new URL('http://server.test/models/icons/');

const info: WebModelInfo = {
  ...{ format: 1, modelHash: '0123456789abcdef', model: 'resnet18', imageSize: 64, featDim: 3, embedDim: 2 },
  ...{ resize: 'stretch', step: 9 },
  variants: [{ name: 'fp32', graph: 'onnx/model.onnx', weights: 'onnx/model.bin', bytes: 40 }],
  head: { weights: 'onnx/model.bin', weight: { offset: 0, shape: [2, 3] }, bias: { offset: 24, shape: [2] } },
};

const { fetch } = globalThis;
afterEach(() => {
  globalThis.fetch = fetch;
});

/** Loads what a server has in place of `dws.json`. */
const load = (value: unknown) => {
  globalThis.fetch = () => Promise.resolve(new Response(JSON.stringify(value)));
  return loadInfo(folder, {});
};
const refusal = (value: unknown) => expect(load(value)).rejects;
const badModel = (message: RegExp) =>
  expect.objectContaining({ code: 'bad-model', message: expect.stringMatching(message) as string });

it('a model is loaded as it is described', async () => {
  expect(await load(info)).toEqual(info);
  expect(variantOf(info, 'fp32')).toBe(info.variants[0]);
  expect(() => variantOf(info, 'int8')).toThrow('The model was exported as fp32, not as int8.');
});

it('another format is told', async () => {
  await refusal({ ...info, format: 2 }).toEqual(badModel(/dws\.json has format 2, this program reads format 1/));
  await refusal([]).toEqual(badModel(/has format none/));
});

const elsewhere = [
  '../other/x.bin',
  '/x.bin',
  'https://other.test/x.bin',
  '//other.test/x',
  'onnx/../../x',
  '',
  '\\\\x',
];

it.each(elsewhere)('no file is asked for outside of the folder: %j', async (file) => {
  const [variant] = info.variants;
  await refusal({ ...info, variants: [{ ...variant, graph: file }] }).toEqual(badModel(/describe a model whole/));
  await refusal({ ...info, variants: [{ ...variant, weights: file }] }).toEqual(badModel(/describe a model whole/));
  await refusal({ ...info, head: { ...info.head, weights: file } }).toEqual(badModel(/describe a model whole/));
  expect(isBelow(folder, file)).toBe(false);
});

it.each<[string, object]>([
  ['no variants', { variants: {} }],
  ['a variant of nothing', { variants: [null] }],
  ['no head', { head: undefined }],
  ['a head of another size', { embedDim: 3 }],
  ['a head that begins between two numbers', { head: { ...info.head, bias: { offset: 25, shape: [2] } } }],
  ['a head in two far places', { head: { ...info.head, bias: { offset: 2 ** 40, shape: [2] } } }],
  ['images prepared in a way that is not known', { preprocessing: { imageSize: 32, filter: 'bicubic' } }],
  ['a variant of a terabyte', { variants: [{ ...info.variants[0], bytes: 2 ** 40 }] }],
  [
    'a head a terabyte away',
    { head: { ...info.head, weight: { offset: 2 ** 40, shape: [2, 3] }, bias: { offset: 2 ** 40 + 24, shape: [2] } } },
  ],
  ['images of a million pixels a side', { imageSize: 2 ** 20 }],
  ['a huge head', { featDim: 2 ** 30, head: { ...info.head, weight: { offset: 0, shape: [2, 2 ** 30] } } }],
])('%s is refused', async (_, changes) => {
  await refusal({ ...info, ...changes }).toEqual(badModel(/does not describe a model whole/));
});
