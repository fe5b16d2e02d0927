/** Every option that more than one command may take. Names and defaults are those of the paper's published training scripts. */
import { availableParallelism } from 'node:os';
import { backbones } from '../graph/index.js';
import type { OptimizerName, Provider } from '../graph/index.js';
import { defaultEvalBatch } from '../runner/embed.js';
import { publishedVersions } from '../runner/pretrained/published.js';
import type { CacheMode, ResizeMode, SmallClasses } from '../runner/run-options.js';
import type { OptionRow } from './options.js';
import { optional, required, toggle, withDefault } from './options.js';
import { integer, listOf, number, oneOf, path, text } from './parsers.js';

const count = integer({ min: 1 });
const notNegative = number({ min: 0 });
const models = Object.keys(backbones);
const providers: Provider[] = ['cpu', 'cuda', 'webgpu'];
const optimizers: OptimizerName[] = ['sgd', 'adam'];
const resizeModes: ResizeMode[] = ['stretch', 'cover', 'contain'];
const cacheModes: CacheMode[] = ['none', 'ram'];
const smallClasses: SmallClasses[] = ['error', 'drop', 'repeat'];

export const network = {
  model: withDefault('name', `backbone: ${models.join(', ')}`, oneOf(models), 'resnet50'),
  featDim: withDefault('n', "outputs of the backbone's last layer", count, 512),
  embedDim: withDefault('n', 'dimension of the embedding', count, 128),
  imageSize: optional('pixels', 'height and width of the input (default: 224; 299 for inception_v3)', count),
  dropout: optional(
    'p',
    'probability of dropout, in multiples of 1/256 (default: 0.5 in the models that have it)',
    number({ min: 0, below: 1 }),
  ),
  freezeBn: toggle('batch normalization uses and keeps its running statistics'),
};

export const pretrained = {
  usePretrained: toggle("start from torchvision's ImageNet weights, downloaded once into the user's cache"),
  weights: optional('version', 'which of them, where there are two: v1, v2 (default: v1)', oneOf(publishedVersions)),
  pretrained: optional('file', 'start from the weights in a .pth, .pt, .safetensors or .onnx file', path),
};

export const loss = {
  margin: withDefault('number', 'margin of the loss', notNegative, 0.2),
  beta: withDefault('number', 'initial boundary between positives and negatives', number({ above: 0 }), 1.2),
  nu: withDefault('number', 'weight of the regularization of beta', notNegative, 0),
  lrBeta: withDefault('number', 'learning rate of beta; 0 keeps beta constant', notNegative, 0.1),
  normalizeWeights: toggle("rescale a batch's log-weights to [0, 1] before sampling"),
};

export const optimization = {
  optimizer: withDefault('name', `optimizer of the network: ${optimizers.join(', ')}`, oneOf(optimizers), 'sgd'),
  momentum: withDefault('number', 'momentum of SGD', number({ min: 0, below: 1 }), 0.9),
  wd: withDefault('number', 'L2 weight decay', notNegative, 0.0001),
  clipNorm: optional('norm', 'scale the gradient down to this L2 norm where it is longer', number({ above: 0 })),
  backboneLrMult: withDefault(
    'number',
    'learning rate of the backbone but for its last layer, as a multiple of --lr',
    notNegative,
    1,
  ),
};

export const batches = {
  batchSize: withDefault('n', 'images a step; a multiple of --batch-k', integer({ min: 2 }), 70),
  batchK: withDefault('n', 'images of each class in a batch', integer({ min: 2 }), 5),
};

export const schedule = {
  epochs: withDefault('n', 'epochs in all', count, 20),
  batchNum: optional('n', 'steps an epoch (default: one pass over the training images)', count),
  startEpoch: withDefault('n', 'first epoch, counted from 0, when not resuming', integer({ min: 0 }), 0),
  lr: withDefault('number', 'learning rate of the network', notNegative, 0.0001),
  factor: withDefault(
    'number',
    'what the learning rates are multiplied by at each of --steps',
    number({ above: 0 }),
    0.5,
  ),
  steps: {
    ...withDefault('epochs', 'epochs, counted from 0', listOf(integer({ min: 0 })), [20, 40, 60]),
    defaultText: '20,40,60',
  },
  seed: withDefault('n', 'seed of weights, batches, flips and sampling', integer({ min: 0 }), 0),
};

const resizeText = 'how images become squares: stretch, cover (crop) or contain (pad)';

export const imageReading = {
  workers: withDefault('n', 'threads that decode images; 0 for none', integer({ min: 0, max: 256 }), 4),
  skipBad: toggle('leave out files that are no readable images instead of stopping'),
};

export const dataPath = required(
  'dir',
  'folder with train/CLASS/* and val/CLASS/*, CUB-200-2011, CARS-196 or Stanford Online Products, or a .csv manifest',
  path,
);

export const trainingData = {
  dataPath,
  ...imageReading,
  resize: withDefault('mode', resizeText, oneOf(resizeModes), 'stretch'),
  cache: withDefault('mode', 'keep decoded images in memory: none, ram', oneOf(cacheModes), 'none'),
  classes: optional('n', 'length of beta (default: the classes in train/)', integer({ min: 2 })),
  smallClasses: withDefault(
    'mode',
    `classes of fewer than --batch-k images: ${smallClasses.join(', ')}`,
    oneOf(smallClasses),
    'error',
  ),
};

const deviceText = `execution provider: ${providers.join(', ')} (default: cpu, or cuda with --gpus)`;

export const device = {
  device: optional('name', deviceText, oneOf(providers)),
  gpus: withDefault('ids', 'number of the CUDA device; empty for the CPU', text, ''),
  threads: {
    ...withDefault('n', 'threads of ONNX Runtime on the CPU', count, availableParallelism()),
    defaultText: 'all of this machine',
  } as OptionRow<number>,
};

export const provider = withDefault('name', `provider to build for: ${providers.join(', ')}`, oneOf(providers), 'cpu');

export const checkpoint = required('file', 'checkpoint of a training', path);

/** What running a checkpoint's network takes. */
export const inference = {
  checkpoint,
  batchSize: withDefault('n', 'images at a time', count, defaultEvalBatch),
  resize: optional('mode', `${resizeText} (default: as in the training)`, oneOf(resizeModes)),
  ...imageReading,
};
