import { expect, it } from 'vitest';
import { initialFeeds, madeUpSteps } from '../../../bench/training.js';
import { buildUnfoldedModel } from '../../../src/graph/artifacts/export.js';
import { buildTrainLoop } from '../../../src/graph/artifacts/artifacts.js';
import { fileBackbone } from '../../../src/graph/imported/backbone.js';
import { readModel } from '../../../src/graph/imported/model.js';
import { decodeModel } from '../../../src/graph/onnx/schema.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { describeNetwork, initialState } from '../../../src/graph/step/describe.js';
import { relativeError, runPlain } from '../../helpers/graphs.js';
import { noExternal } from './fixture.js';

const options: TrainingOptions = {
  ...{ model: 'resnet18', imageSize: 32, batchSize: 8, batchK: 4, classes: 2, featDim: 16, embedDim: 8 },
  ...{ margin: 0.2, nu: 0.01, beta: 1.2, learnBeta: true, normalizeWeights: false, dropout: 0, freezeBn: true },
  ...{ backboneLrMult: 1, momentum: 0.9, weightDecay: 1e-4, provider: 'cpu', optimizer: 'sgd' },
};

it('a network that was exported unfolded comes back, and takes the steps of the built-in one with frozen statistics', async () => {
  const state = initialState(options, 0);
  const file = decodeModel(buildUnfoldedModel(options, state));
  const definitions = { backbone: fileBackbone('resnet18', readModel(file, noExternal)) };
  const imported = { ...options, backboneOptions: { features: 'features' } };
  const own = describeNetwork(options);
  const { params } = describeNetwork(imported, definitions);
  expect(params.map(({ shape }) => shape)).toEqual(own.params.map(({ shape }) => shape));
  const data = madeUpSteps(options, 5, new Philox(1, 'sampling'));
  const expected = await runPlain(buildTrainLoop(options), { ...initialFeeds(options), ...data });
  const made = await runPlain(buildTrainLoop(imported, definitions), {
    ...initialFeeds(imported, definitions),
    ...data,
  });
  made['losses']!.forEach((loss, i) => expect(Math.abs(loss - expected['losses']![i]!)).toBeLessThan(1e-5));
  expect(relativeError(made['params_out']!, expected['params_out']!)).toBeLessThan(1e-5);
});
