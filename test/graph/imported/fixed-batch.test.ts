import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Value } from '../../../src/graph/builder/builder.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { readModel } from '../../../src/graph/imported/model.js';
import type { Prepared } from '../../../src/graph/imported/prepare.js';
import { prepared } from '../../../src/graph/imported/prepare.js';
import { writeFile } from '../../../src/graph/imported/write.js';
import { decodeModel, encodeModel } from '../../../src/graph/onnx/schema.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { relativeError, runPlain } from '../../helpers/graphs.js';
import { noExternal } from './fixture.js';

const size = 32;

function written(ready: Prepared, batch: number | string): GraphBuilder {
  const g = new GraphBuilder();
  const images = g.input('images', 'float32', [batch, 3, size, size]);
  const made = new Map<string, Value>();
  const weight = (name: string): Value => {
    const { shape, data } = ready.model.tensors.get(name)!;
    const value = made.get(name) ?? g.weight(name, shape, Float32Array.from(data));
    made.set(name, value);
    return value;
  };
  g.output('features', writeFile({ g, inHalves: false }, ready, { weight }, images, ready.model.outputs[0]!));
  return g;
}

/** All that was computed of the batch's size is a number in it. */
const baked = (ready: Prepared, batch: number): Prepared =>
  prepared(readModel(decodeModel(encodeModel(written(ready, batch).model('baked'))), noExternal));

const own = (name: string) => new URL(`../../golden/onnx/${name}.onnx`, import.meta.url);
const shared = (name: string) => new URL(`../../../../shared/golden-onnx/${name}.onnx`, import.meta.url);

/** Batches as axes of their own, and behind tokens; as multiples, where windows are rows of a batch; expanded from one. */
it.each([
  ['vit', own('vit'), 1, 5],
  ['vit', own('vit'), 2, 5],
  ['vit-tokens', own('vit-tokens'), 1, 4],
  ['convnext', own('convnext'), 2, 3],
  ['swin', shared('swin'), 1, 3],
])(
  '%s of a file that is written for a batch of its own (%s, %i) takes another (%i)',
  async (_name, file, before, now) => {
    if (!existsSync(file)) return console.log(`skipped: ${file.href} is not there`);
    const ready = prepared(readModel(decodeModel(readFileSync(file)), noExternal));
    const images = {
      data: new Philox(1, 'images').fillUnit(new Float32Array(now * 3 * size * size)),
      dims: [now, 3, size, size],
    };
    const expected = await runPlain(encodeModel(written(ready, now).model('open')), { images });
    const fixed = baked(ready, before);
    expect(fixed.input.shape[0]).toBe(before);
    const made = await runPlain(encodeModel(written(fixed, now).model('fixed')), { images });
    expect(relativeError(made['features']!, expected['features']!)).toBeLessThan(1e-6);
    const free = await runPlain(encodeModel(written(fixed, 'batch').model('free')), { images });
    expect(relativeError(free['features']!, expected['features']!)).toBeLessThan(1e-5);
  },
);
