/** A network looked for among the names of a file: a line for each tensor, its name and its sizes. */
import { findNetwork } from '../../../src/runner/pretrained/find-network.js';
import type { WeightTensor } from '../../../src/runner/weights/weight-file.js';
import { bytesOf } from '../../../test/runner/weights/pickles.js';
import type { Target } from '../target.js';
import { bytesSeed } from '../target.js';

const names: [bare: string, shape: number[]][] = [
  ['conv1.weight', [4, 3, 1, 1]],
  ['bn1.weight', [4]],
  ['bn1.bias', [4]],
  ['layer1.0.conv1.weight', [4, 4, 1, 1]],
  ['layer1.0.bn1.weight', [4]],
  ['layer1.0.downsample.0.weight', [4, 4, 1, 1]],
];
const body = names.map(([bare, shape]) => ({ name: `base_net.${bare}`, bare, shape }));
const last = [{ name: 'base_net.fc.weight', bare: 'fc.weight', shape: [2, 4] }];
const head = [{ name: 'dense.weight', bare: 'dense.weight', shape: [2, 2] }];

const lines = (change: (name: string) => string): Uint8Array =>
  bytesOf(
    [...names, ...last.map(({ bare, shape }) => [bare, shape] as const)]
      .map(([bare, shape]) => `${change(bare)} ${shape}`)
      .join('\n'),
  );

function find(bytes: Uint8Array): void {
  const text = new TextDecoder('latin1').decode(bytes);
  const tensors = text.split('\n').map((line, i): WeightTensor => {
    const [name = '', sizes = ''] = line.split(' ');
    const shape = sizes
      .split(',')
      .map(Number)
      .filter((size) => Number.isSafeInteger(size) && size >= 0);
    return { name, container: '', source: String(i), shape, read: () => Promise.reject(new Error('no values')) };
  });
  const file = { path: 'names', format: 'text', tensors, passedOver: [], close: () => Promise.resolve() };
  const { tensors: found } = findNetwork(file, { body, last, head });
  for (const { name, shape } of body) {
    const tensor = [...found].find(([slot]) => slot.name === name)?.[1];
    if (String(tensor?.shape) !== String(shape))
      throw new Error(`${name} was given ${tensor?.name} [${tensor?.shape}]`);
  }
}

export const namesTarget: Target = {
  name: 'names',
  seeds: async () => [
    bytesSeed(lines((name) => name)),
    bytesSeed(lines((name) => `state_dict/module.${name.replace('layer1.', 'layer1.wrapped.')}`)),
    bytesSeed(lines((name) => `net_${name.replaceAll('.', '_')}`)),
  ],
  tokens: [
    ...names.flatMap(([bare]) => bare.split('.')),
    '.',
    '..',
    '\n',
    '_',
    '/',
    'module.',
    '__proto__.',
    ' 4',
    'fc.weight 2,4',
  ].map((each) => bytesOf(each)),
  listsLines: true,
  read: async (bytes) => find(bytes),
};
