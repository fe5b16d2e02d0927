/** What parts make and return, where it is not what their contract says. */
import { describe, expect, it } from 'vitest';
import { buildOptimizerModel, buildTrainingModel } from '../../../src/graph/artifacts/artifacts.js';
import { PartError } from '../../../src/graph/declarations.js';
import type { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { adamAverages } from '../../../src/graph/optimizers/adam.js';
import { momentum } from '../../../src/graph/optimizers/momentum.js';
import { weightDecay } from '../../../src/graph/optimizers/weight-decay.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import type { Definitions } from '../../../src/graph/parts/parts.js';
import type { SamplingInputs } from '../../../src/graph/samplings/sampling.js';
import { classMates, everyRow } from '../../../src/graph/samplings/sampling.js';

const options: TrainingOptions = {
  ...{ model: 'tiny', featDim: 4, embedDim: 3, imageSize: 8, batchSize: 4, batchK: 2, classes: 3 },
  ...{ margin: 0.2, nu: 0, beta: 1.2, normalizeWeights: false, learnBeta: true, freezeBn: false, dropout: 0 },
  ...{ optimizer: 'sgd', momentum: 0.9, weightDecay: 0, backboneLrMult: 1, provider: 'cpu' },
};

type Made = Readonly<Record<string, unknown>>;

const tiny = {
  ...{ lastLayer: 'fc', imageSize: 8, smallest: 8 },
  features: (nn: Record<string, (...args: unknown[]) => unknown>, images: unknown, out: number) =>
    nn['linear']!('fc', nn['flatten']!(images), { out }),
};

/** What a part creates, as a module would: no compiler has seen it. */
const creating = (kind: keyof Definitions, create: (...given: never[]) => unknown): Definitions => ({
  ...{ backbone: { name: 'tiny', options: {}, create: () => tiny as never } },
  [kind]: { name: 'x', options: { scale: { default: 2, description: 'x' } }, create },
});

const build = (kind: keyof Definitions, create: (...given: never[]) => unknown): Uint8Array =>
  kind === 'optimizer'
    ? buildOptimizerModel(options, creating(kind, create))
    : buildTrainingModel(options, 'uint8-nhwc', creating(kind, create));

function refused(kind: keyof Definitions, create: (...given: never[]) => unknown): PartError {
  try {
    build(kind, create);
  } catch (error) {
    return error as PartError;
  }
  throw new Error('it is not refused');
}

function expectRefused(kind: keyof Definitions, create: (...given: never[]) => unknown, said: string): void {
  const error = refused(kind, create);
  expect(error.message).toContain(said);
  expect(error).toBeInstanceOf(PartError);
  expect(error.part).toBe(kind);
}

type Sample = (g: GraphBuilder, mates: number[][]) => unknown;

describe('a sampling', () => {
  const sampling = (fields: Sample) => () => ({
    kind: 'triplets',
    sample(g: GraphBuilder, { batchK }: SamplingInputs) {
      const mates = classMates(4, batchK);
      return {
        kind: 'triplets',
        anchors: everyRow(4),
        positives: mates,
        negatives: mates,
        ...(fields(g, mates) as Made),
      };
    },
  });
  const constant = (values: number[]) => (g: GraphBuilder) => g.constant('int32', [4, 1], values);

  it.each<[string, Sample, string]>([
    ['of no kind', () => ({ kind: undefined }), 'it says that it gives triplets, and returns the kind undefined'],
    [
      'with a key',
      () => ({ weight: 1 }),
      'what sample returns: nothing takes weight. Did you mean weights? Known: kind,',
    ],
    [
      'beyond the batch',
      () => ({ negatives: [[0], [1], [2], [4]] }),
      'its negatives have the index 4: give whole numbers',
    ],
    [
      'below it',
      () => ({ positives: [[0], [1], [2], [-1]] }),
      'its positives have the index -1: give whole numbers from 0 to 3',
    ],
    [
      'between rows',
      () => ({ positives: [[0], [1], [2], [0.5]] }),
      'its positives have the index 0.5: give whole numbers',
    ],
    [
      'of no number',
      () => ({ positives: [[0], [1], [2], ['x']] }),
      'its positives have the index x: give whole numbers',
    ],
    [
      'of ragged rows',
      () => ({ negatives: [[0], [1, 2], [3], [0]] }),
      'its negatives have rows of 1 and 2 indices: give',
    ],
    ['of empty rows', () => ({ negatives: [[], [], [], []] }), 'its negatives have rows of 0 indices: give every row'],
    ['of one row', () => ({ negatives: [0, 1, 2, 3] }), 'its negatives are no int32 indices [anchors, tuples of each]'],
    [
      'of too few rows',
      () => ({ negatives: [[0]] }),
      'its negatives have the shape [1, 1]: they are [4, 1], one row of as',
    ],
    [
      'of other widths',
      (_, mates) => ({ negatives: mates.map(() => [0, 1]) }),
      'its negatives have the shape [4, 2]: they are',
    ],
    ['of wide anchors', () => ({ anchors: [[0, 1]] }), 'its anchors have the shape [1, 2]: they are [anchors, 1]'],
    ['that says -1', (g) => ({ negatives: constant([0, 1, 2, -1])(g) }), 'its negatives have the index -1: give whole'],
    [
      'that says 9',
      (g) => ({ anchors: constant([0, 1, 2, 9])(g) }),
      'its anchors have the index 9: give whole numbers from 0 to 3, rows of the embeddings',
    ],
    [
      'of int64',
      (g) => ({ negatives: g.constant('int64', [4, 1], [0, 0, 0, 0]) }),
      'its negatives are int64 of shape [4, 1]: they',
    ],
    [
      'of a vector',
      (g) => ({ negatives: g.constant('int32', [4], [0, 0, 0, 0]) }),
      'its negatives are int32 of shape [4]: they',
    ],
    [
      'weighed by numbers',
      (_, mates) => ({ weights: mates }),
      "its weights are no float32 value: g.constant('float32', [4, 1]",
    ],
    [
      'weighed by one',
      (g) => ({ weights: g.scalar(1) }),
      'its weights have the shape []: they are [4, 1], one weight for',
    ],
    ['weighed by int32', (g) => ({ weights: constant([1, 1, 1, 1])(g) }), 'its weights are no float32 value'],
  ])('%s is refused', (_, fields, said) => {
    expectRefused('sampling', sampling(fields), said);
  });

  it('that is async, returns nothing or has a key of no meaning is refused', () => {
    const sample = () => Promise.resolve({});
    expectRefused('sampling', () => ({ kind: 'triplets', sample }), 'sample returns a Promise: it must not be async');
    expectRefused(
      'sampling',
      () => ({ kind: 'triplets', sample: () => null }),
      'it says that it gives triplets, and returns null',
    );
    const uniform = () => ({ kind: 'triplets', sample, uniform: () => [3] });
    expectRefused('sampling', uniform, 'what create returns: nothing takes uniform. Did you mean uniforms?');
  });

  it('that counts its anchors, and weighs, is built', () => {
    const weights = (g: GraphBuilder) => g.constant('float32', [2, 1], [1, 2]);
    const few: Sample = (g) => ({
      anchors: [[3], [0]],
      positives: [[2], [1]],
      negatives: [[0], [3]],
      weights: weights(g),
    });
    expect(build('sampling', sampling(few)).length).toBeGreaterThan(0);
  });
});

describe('a loss', () => {
  const mean = (g: GraphBuilder, x: unknown) => g.op('ReduceMean', [x as never], { keepdims: 0 });
  const loss = (body: (g: GraphBuilder, inputs: Record<string, never>) => Made) => ({
    takes: 'nothing',
    loss: (g: GraphBuilder, inputs: Record<string, never>) => ({
      ...{ loss: mean(g, inputs['embeddings']), statistics: {} },
      ...body(g, inputs),
    }),
  });
  const parameter = { name: 'p', shape: [], init: { kind: 'constant', value: 1 }, learns: true, learningRate: 0.1 };

  it.each<[string, (values: Made, context: Made) => unknown, string]>([
    [
      'with a key',
      () => ({ ...loss(() => ({})), parametres: [] }),
      'what create returns: nothing takes parametres. Did you mean parameters?',
    ],
    ['that returns a key', () => loss(() => ({ stats: {} })), 'what a loss returns: nothing takes stats. '],
    [
      'that asks for no option',
      ({ scle }) => scle,
      'values has no scle; there are: scale (the options of the definition). Did you mean scale?',
    ],
    [
      'that asks for no context',
      (_, { batchsize }) => batchsize,
      'context has no batchsize; there are: classes, embedDim, batchSize, batchK. Did you mean batchSize?',
    ],
    [
      'that asks for no input',
      () => loss((_, { label }) => ({ label })),
      'inputs has no label; there are: embeddings, labels, ',
    ],
    [
      'with an input',
      () => loss((g) => ({ x: g.input('x', 'float32', []) })),
      "g.input('x'): a part of a training adds nothing that goes in or out",
    ],
    [
      'with an output',
      () => loss((g, { embeddings }) => ({ x: g.output('x', embeddings!) })),
      "g.output('x'): a part of a training adds nothing that goes in or out",
    ],
    [
      'with a parameter of a key',
      () => ({ ...loss(() => ({})), parameters: [{ ...parameter, learningrate: 3 }] }),
      'a parameter: nothing takes learningrate. Did you mean learningRate?',
    ],
    [
      'with an init of a key',
      () => ({ ...loss(() => ({})), parameters: [{ ...parameter, init: { ...parameter.init, std: 2 } }] }),
      'parameter p: init of kind constant: nothing takes std. Known: kind, value',
    ],
    [
      'with half an init',
      () => ({ ...loss(() => ({})), parameters: [{ ...parameter, init: { kind: 'truncated-normal', std: 2 } }] }),
      'parameter p: bound of its init is undefined: give a finite number of 0 or more',
    ],
  ])('%s is refused', (_, create, said) => {
    expectRefused('loss', create as never, said);
  });

  it('of a class of its own has fields of its own', () => {
    class Own {
      readonly takes = 'nothing';
      readonly factor = 2;
      loss(g: GraphBuilder, { embeddings }: Record<string, never>) {
        return { loss: g.op('Mul', [mean(g, embeddings), g.scalar(this.factor)]), statistics: {} };
      }
    }
    expect(
      buildTrainingModel(
        options,
        'uint8-nhwc',
        creating('loss', () => new Own()),
      ).length,
    ).toBeGreaterThan(0);
  });
});

describe('an optimizer', () => {
  type Step = Record<string, { shape: number[] }>;
  const step = (next: (step: Step) => unknown) => () => [{ begin: () => next }];

  it.each<[string, (values: Made, shared: Made) => unknown, string]>([
    ['that begins later', () => [{ begin: () => Promise.resolve(() => 1) }], 'begin of a rule returns a Promise'],
    ['that steps later', step((given) => Promise.resolve(given)), 'a rule returns a Promise: it must not be async'],
    [
      'that returns nothing',
      step(() => undefined),
      'a rule returns undefined: it returns the next step, { ...step, direction }',
    ],
    ['with a key', () => [{ vector: ['v'], begin: () => 1 }], 'a rule: nothing takes vector. Did you mean vectors?'],
    [
      'that returns a key',
      step((given) => ({ ...given, directoin: 1 })),
      'what a rule returns: nothing takes directoin. Did you mean direction?',
    ],
    [
      'that asks for no field',
      step(({ gradient }) => gradient),
      'step has no gradient; there are: direction, learningRate, norm',
    ],
    [
      'with a rate of each',
      step((given) => ({ ...given, learningRate: given['direction'] })),
      'a rule returns a learningRate of shape [',
    ],
    [
      'that asks for nothing shared',
      (_, { momentm }) => momentm,
      'shared has no momentm; there are: momentum, weightDecay. Did you mean momentum?',
    ],
    [
      'with a list in its list',
      () => [[momentum(0.9)]],
      'a rule is a list: give an object; ...list puts in what a list has',
    ],
    ['with a rule not called', () => [momentum], 'a rule is the function momentum: give an object'],
    ['with momentum of nothing', () => [momentum(undefined as never)], 'momentum: rate is undefined: give a number'],
    ['with decay of nothing', () => weightDecay(undefined as never), 'weightDecay: decay is undefined: give a number'],
    [
      'with averages of a key',
      () => [adamAverages({ beta: 0.5 } as never)],
      'adamAverages: nothing takes beta. Did you mean beta1? Known: beta1, beta2, epsilon',
    ],
    [
      'with half the averages',
      () => [adamAverages({ beta1: 0.5 } as never)],
      'adamAverages: beta2 is undefined: give a number: 0 or more, below 1',
    ],
  ])('%s is refused', (_, create, said) => {
    expectRefused('optimizer', create as never, said);
  });

  it('whose first rule leaves the norm out goes on with adam, whose rate is a list of one', () => {
    const first = {
      begin: () => (given: Step) => ({ direction: given['direction'], learningRate: given['learningRate'] }),
    };
    const create = () => [first, adamAverages()];
    expect(build('optimizer', create).length).toBeGreaterThan(0);
  });
});

describe('a backbone', () => {
  it.each<[string, Made, string]>([
    [
      'with a key',
      { imagesize: 9 },
      'what create returns: nothing takes imagesize. Did you mean imageSize? Known: features,',
    ],
    ['that is async', { features: () => Promise.resolve(1) }, 'features returns a Promise: it must not be async'],
    ['without features', { features: () => 1 }, 'features returns [undefined] instead of [images, 4]'],
  ])('%s is refused', (_, fields, said) => {
    expectRefused('backbone', () => ({ ...tiny, ...fields }), said);
  });
});
