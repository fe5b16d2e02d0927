/** Names of real networks as files of weights have them; no values, which are of no interest here. */
import { describeNetwork } from '../../../src/graph/step/describe.js';
import type { WantedParts } from '../../../src/runner/pretrained/find-network.js';
import type { WeightFile, WeightTensor } from '../../../src/runner/weights/weight-file.js';

export interface Slot {
  name: string;
  bare: string;
  shape: number[];
}

const cache = new Map<string, WantedParts<Slot>>();

/** A network's tensors. `featDim` 512, `embedDim` 128. */
export function partsOf(model: string): WantedParts<Slot> {
  let parts = cache.get(model);
  if (parts === undefined) {
    const imageSize = model === 'inception_v3' ? 128 : 96;
    const { params, buffers, bodyCount } = describeNetwork({ model, featDim: 512, embedDim: 128, imageSize });
    let count = 0;
    const slots = params.map(({ name, shape }) => {
      const part = count < bodyCount ? 'body' : name.startsWith('dense.') ? 'head' : 'last';
      count += shape.reduce((product, size) => product * size, 1);
      return { part, slot: { name, bare: name.replace(/^base_net\./, ''), shape } };
    });
    const running = buffers.map(({ name, shape }) => ({ name, bare: name.replace(/^base_net\./, ''), shape }));
    const of = (wanted: string) => slots.filter(({ part }) => part === wanted).map(({ slot }) => slot);
    parts = { body: [...of('body'), ...running], last: of('last'), head: of('head') };
    cache.set(model, parts);
  }
  return parts;
}

/** As torchvision publishes it: the last layer is of 1000 classes, and there is no head. */
export function torchvision(model: string, classes = 1000): [name: string, shape: number[]][] {
  const { body, last } = partsOf(model);
  return [
    ...body.map(({ bare, shape }): [string, number[]] => [bare, shape]),
    ...last.map(({ bare, shape }): [string, number[]] => [bare, [classes, ...shape.slice(1)]]),
  ];
}

export function fileOf(tensors: readonly (readonly [name: string, shape: number[]])[], hint?: string): WeightFile {
  return {
    path: 'net.pth',
    format: 'fake',
    passedOver: [],
    hint,
    tensors: tensors.map(([name, shape]): WeightTensor => ({
      ...{ name, shape, container: '', source: name },
      read: () => Promise.reject(new Error('nothing to read')),
    })),
    close: () => Promise.resolve(),
  };
}
