import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { randomDropout } from '../../../src/graph/ops/dropout.js';
import type { Provider } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { expectGradients, runModel } from '../../helpers/graphs.js';

/** Two layers of dropout on ones, so that the outputs are the factors. */
async function factors(
  bytes: Uint8Array,
  probability: number,
  layers: number[],
  provider: Provider = 'cpu',
): Promise<number[][]> {
  const g = new GraphBuilder(provider);
  const dropout = randomDropout(g.input('bytes', 'uint8', [bytes.length]), probability);
  layers.forEach((n, i) => {
    g.output(`y${i}`, dropout(g, g.constant('float32', [n], new Float32Array(n).fill(1))));
  });
  const out = await runModel(encodeModel(g.model('test')), { bytes: new Tensor('uint8', bytes, [bytes.length]) });
  return layers.map((_, i) => Array.from(out[`y${i}`]!.data as Float32Array));
}

describe('dropout', () => {
  it('keeps the elements whose byte is at least 256 p, and each layer takes the next bytes', async () => {
    const bytes = Uint8Array.of(0, 127, 128, 255, 128, 0);
    for (const provider of ['cpu', 'cuda'] as const)
      expect(await factors(bytes, 0.5, [4, 2], provider)).toEqual([
        [0, 0, 2, 2],
        [2, 0],
      ]);
  });

  it('rounds p to a multiple of 1/256 and scales by what that p leaves', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const [kept] = await factors(bytes, 0.2, [256]);
    expect(kept!.filter((factor) => factor > 0)).toHaveLength(205);
    expect(kept!.reduce((a, b) => a + b, 0)).toBeCloseTo(256, 3);
  });

  it('has the gradient of a product with its factors', async () => {
    const bytes = new Philox(3, 'dropout').fillBytes(new Uint8Array(40));
    await expectGradients((g, x) => randomDropout(g.constant('uint8', [40], Array.from(bytes)), 0.5)(g, x!), [[4, 10]]);
  });
});
