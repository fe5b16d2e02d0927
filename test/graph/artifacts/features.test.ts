import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { initialFeeds, madeUpSteps } from '../../../bench/training.js';
import {
  buildEvalModel,
  buildFeaturesModel,
  buildHeadModel,
  buildTrainLoop,
} from '../../../src/graph/artifacts/artifacts.js';
import { fileBackbone } from '../../../src/graph/imported/backbone.js';
import { readModel } from '../../../src/graph/imported/model.js';
import { decodeModel } from '../../../src/graph/onnx/schema.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { relativeError, runPlain } from '../../helpers/graphs.js';
import { noExternal } from '../imported/fixture.js';

const bytes = readFileSync(new URL('../../golden/onnx/vit.onnx', import.meta.url));
const definitions = { backbone: fileBackbone('vit', readModel(decodeModel(bytes), noExternal)) };
const options: TrainingOptions = {
  ...{ model: 'vit', imageSize: 32, batchSize: 8, batchK: 4, classes: 2, featDim: 16, embedDim: 8 },
  ...{ margin: 0.2, nu: 0.01, beta: 1.2, learnBeta: true, normalizeWeights: false, dropout: 0, freezeBn: false },
  ...{ backboneLrMult: 1, momentum: 0.9, weightDecay: 1e-4, provider: 'cpu', optimizer: 'adam' },
  backboneOptions: { freeze: 'all' },
};
const steps = 5;

it('the head alone, on features, takes the steps and gives the embeddings of the whole network', async () => {
  const state = initialFeeds(options, definitions);
  const { images, ...data } = madeUpSteps(options, steps, new Philox(1, 'sampling'), definitions);
  const whole = await runPlain(buildTrainLoop(options, definitions), { ...state, ...data, images: images! });
  const flat = { data: images!.data, dims: [steps * options.batchSize, ...images!.dims.slice(2)] };
  const network = { params: state['params']!, buffers: state['buffers']! };
  const { features } = await runPlain(buildFeaturesModel(options, definitions), { ...network, images: flat });
  const { buffers, ...small } = state;
  expect(buffers!.data.length).toBeGreaterThan(10_000);
  const rows = { data: features!, dims: [steps, options.batchSize, options.featDim] };
  const head = await runPlain(buildTrainLoop({ ...options, takesFeatures: true }, definitions), {
    ...small,
    ...data,
    images: rows,
  });
  const { buffers_out: kept, ...others } = whole;
  expect(kept).toEqual(buffers!.data);
  expect(Object.keys(head).sort()).toEqual(Object.keys(others).sort());
  // The backbone's graph for training and that for running round in other places.
  for (const [name, value] of Object.entries(others))
    expect(relativeError(head[name]!, value), name).toBeLessThan(1e-4);

  const one = { data: features!, dims: [steps * options.batchSize, options.featDim] };
  const { embeddings } = await runPlain(buildHeadModel(options, definitions), {
    params: state['params']!,
    features: one,
  });
  const expected = await runPlain(buildEvalModel(options, definitions), { ...network, images: flat });
  expect(relativeError(embeddings!, expected['embeddings']!)).toBeLessThan(1e-6);
});

it('features stand for images only where nothing but the head learns', () => {
  const learning = { ...options, backboneOptions: { freeze: 'encoder.*' }, takesFeatures: true };
  expect(() => buildTrainLoop(learning, definitions)).toThrow(/only where nothing but the head learns/);
});
