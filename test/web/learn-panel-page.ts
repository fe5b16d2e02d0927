/** The learn panel of the example page, on a model that sees colors only. */
import { DwsWebError } from '../../src/web/errors.js';
import type { WebModelInfo } from '../../src/graph/artifacts/web-model.js';
import { mountLearnPanel } from '../../examples/web/src/learn/panel.js';
import '../../examples/web/src/style/main.css';
import { applyHead } from '../../src/web/learn-head.js';
import { randomHead } from './learn-data.js';

const side = 4;
const head = randomHead(3 * side * side, 16);
const { featDim, embedDim, params } = head;
const info = {
  featDim,
  embedDim,
  head: {
    weight: { offset: 0, shape: [embedDim, featDim] },
    bias: { offset: 4 * embedDim * featDim, shape: [embedDim] },
  },
} as unknown as WebModelInfo;

/** Red, green and blue of a few places, around 0. */
async function colors(image: Blob): Promise<Float32Array> {
  const bitmap = await createImageBitmap(image).catch((cause: unknown) => {
    throw new DwsWebError('not-an-image', 'This file is no image.', { cause });
  });
  const canvas = new OffscreenCanvas(side, side).getContext('2d')!;
  canvas.drawImage(bitmap, 0, 0, side, side);
  const { data } = canvas.getImageData(0, 0, side, side);
  return Float32Array.from(data.filter((_, i) => i % 4 < 3)).map((value) => value / 64 - 2);
}

mountLearnPanel(document.getElementById('learn') as HTMLElement, {
  async features(image) {
    const features = await colors(image);
    return { features, embedding: applyHead(head, features) };
  },
  searchWith: () => Promise.resolve(),
  info,
  headUrl: URL.createObjectURL(new Blob([params as Float32Array<ArrayBuffer>])),
});
