/** Every option that more than one command may take. Names and defaults are those of the paper's published training scripts. */
import { backbones } from '../graph/models/index.js';
import type { OptimizerName, Precision } from '../graph/options.js';
import { providers } from '../graph/options.js';
import { embedDefaults, runDefaults } from '../runner/options/defaults.js';
import { publishedVersions } from '../runner/options/published.js';
import { filters, preprocessingRules, resizes } from '../graph/preprocessing.js';
import type { CacheMode, SmallClasses, Tf32 } from '../runner/options/run-options.js';
import type { OptionRow } from './options.js';
import { optional, required, toggle, withDefault } from './options.js';
import { backboneModule, modelName, optimizerName } from './modules.js';
import { bytes, colors, integer, listOf, number, oneOf, path, text, valSplitText } from './parsers.js';

const count = integer({ min: 1 });
const notNegative = number({ min: 0 });
const models = Object.keys(backbones);
const optimizers: OptimizerName[] = ['sgd', 'adam'];
const cacheModes: CacheMode[] = ['none', 'ram'];
const smallClasses: SmallClasses[] = ['error', 'drop', 'repeat'];

export const network = {
  model: withDefault('name', `backbone: ${models.join(', ')}, or an ONNX file`, modelName(models), runDefaults.model),
  featDim: withDefault('n', "outputs of the backbone's last layer", count, runDefaults.featDim),
  embedDim: withDefault('n', 'dimension of the embedding', count, runDefaults.embedDim),
  imageSize: optional('pixels', 'height and width of the input (default: 224; 299 for inception_v3)', count),
  mean: optional(
    'r,g,b',
    "subtracted from images' values in [0, 1] (default: ImageNet's 0.485,0.456,0.406)",
    colors(preprocessingRules.mean),
  ),
  std: optional(
    'r,g,b',
    "what they are divided by then (default: ImageNet's 0.229,0.224,0.225)",
    colors(preprocessingRules.std),
  ),
  dropout: optional(
    'p',
    'probability of dropout, in multiples of 1/256 (default: 0.5 in the models that have it)',
    number({ min: 0, below: 1 }),
  ),
  freezeBn: toggle('batch normalization uses and keeps its running statistics'),
  precision: withDefault(
    'name',
    'what the backbone is trained in: fp32, or fp16, mixed precision for GPUs (float32 parameters, sums, head and loss; the loss is scaled)',
    oneOf<Precision>(['fp32', 'fp16']),
    runDefaults.precision,
  ),
};

export const pretrained = {
  usePretrained: toggle("start from torchvision's ImageNet weights, downloaded once into the user's cache"),
  weights: optional('version', 'which of them, where there are two: v1, v2 (default: v1)', oneOf(publishedVersions)),
  pretrained: optional('file', 'start from the weights in a .pth, .pt, .safetensors or .onnx file', path),
  weightsAt: optional(
    'name',
    'which of them, where --pretrained holds several: a place in the file, or a part of it',
    text,
  ),
};

export const loss = {
  margin: withDefault('number', 'margin of the loss', notNegative, runDefaults.margin),
  beta: withDefault(
    'number',
    'initial boundary between positives and negatives',
    number({ above: 0 }),
    runDefaults.beta,
  ),
  nu: withDefault('number', 'weight of the regularization of beta, where it learns', notNegative, runDefaults.nu),
  lrBeta: withDefault('number', 'learning rate of beta; 0 keeps beta constant', notNegative, runDefaults.lrBeta),
};

export const sampling = {
  normalizeWeights: toggle("rescale a batch's log-weights to [0, 1] before sampling"),
};

export const optimization = {
  optimizer: withDefault(
    'name',
    `optimizer of the network: ${optimizers.join(', ')}, or a module`,
    optimizerName,
    runDefaults.optimizer,
  ),
  momentum: withDefault(
    'number',
    'momentum of SGD; an optimizer from a module may take it too',
    number({ min: 0, below: 1 }),
    runDefaults.momentum,
  ),
  wd: withDefault(
    'number',
    'L2 weight decay; an optimizer from a module may take it too',
    notNegative,
    runDefaults.weightDecay,
  ),
  clipNorm: optional('norm', 'scale the gradient down to this L2 norm where it is longer', number({ above: 0 })),
  backboneLrMult: withDefault(
    'number',
    'learning rate of the backbone but for its last layer, as a multiple of --lr',
    notNegative,
    runDefaults.backboneLrMult,
  ),
};

export const batches = {
  batchSize: withDefault('n', 'images a step; a multiple of --batch-k', integer({ min: 2 }), runDefaults.batchSize),
  microBatch: optional(
    'n',
    'images of it that go through the network at a time, for batches larger than memory; the loss is that of the whole',
    count,
  ),
  batchK: withDefault('n', 'images of each class in a batch', integer({ min: 2 }), runDefaults.batchK),
};

export const schedule = {
  epochs: withDefault('n', 'epochs in all', count, runDefaults.epochs),
  evalEvery: withDefault(
    'n',
    'epochs between evaluations; 0 for none, and no validation images are needed',
    integer({ min: 0 }),
    runDefaults.evalEvery,
  ),
  batchNum: optional(
    'n',
    'steps an epoch, of images drawn at random (default: as many as one pass over them would take; that sees about two thirds of them)',
    count,
  ),
  startEpoch: withDefault(
    'n',
    'first epoch, counted from 0, when not resuming',
    integer({ min: 0 }),
    runDefaults.startEpoch,
  ),
  lr: withDefault('number', 'learning rate of the network', notNegative, runDefaults.lr),
  factor: withDefault(
    'number',
    'what the learning rates are multiplied by at each of --steps',
    number({ above: 0 }),
    runDefaults.factor,
  ),
  steps: {
    ...withDefault('epochs', 'epochs, counted from 0', listOf(integer({ min: 0 })), runDefaults.steps),
    defaultText: runDefaults.steps.join(),
  },
  seed: withDefault('n', 'seed of weights, batches, flips and sampling', integer({ min: 0 }), runDefaults.seed),
};

const resizeText = 'how images become squares: stretch, cover (crop) or contain (pad)';
const resizeToText = 'height and width of these squares, of which the network sees the middle --image-size';

export const imageReading = {
  workers: withDefault(
    'n',
    'threads that decode images; 0 for none',
    integer({ min: 0, max: 256 }),
    runDefaults.workers,
  ),
  skipBad: toggle('leave out files that are no readable images instead of stopping'),
};

export const dataPath = required(
  'dir',
  'folder with train/CLASS/* and val/CLASS/* (or valid, validation, test, or query and gallery), CUB-200-2011, CARS-196 or Stanford Online Products, a .csv manifest, or what dws pack has made',
  path,
);

export const valSplit = optional(
  'share',
  'where the data has no validation images: classes:0.3 takes so many classes, images:0.2 images of each; :7 behind it is a seed',
  valSplitText,
);

export const trainingData = {
  dataPath,
  valSplit,
  ...imageReading,
  resize: withDefault('mode', resizeText, oneOf(resizes), runDefaults.resize),
  resizeTo: optional('pixels', `${resizeToText} (default: --image-size)`, count),
  filter: withDefault(
    'name',
    `how pixels are weighed: triangle (antialiased; BILINEAR of PIL and torchvision), or shifted: as before version 0.3, images that grow half a pixel off`,
    oneOf(filters),
    runDefaults.filter,
  ),
  flip: withDefault(
    'p',
    'probability of a training image to be mirrored; 0 for never',
    number({ min: 0, max: 1 }),
    runDefaults.flip,
  ),
  cache: withDefault('mode', 'keep decoded images in memory: none, ram', oneOf(cacheModes), runDefaults.cache),
  classes: optional(
    'n',
    'how many classes the loss has room for: length of beta, rows of proxies (default: the classes in train/)',
    integer({ min: 2 }),
  ),
  smallClasses: withDefault(
    'mode',
    `classes of fewer than --batch-k images: ${smallClasses.join(', ')}`,
    oneOf(smallClasses),
    runDefaults.smallClasses,
  ),
};

export const ks: OptionRow<number[]> = {
  ...withDefault(
    'list',
    'k of Recall@k; 1 is always among them: Recall@1 decides what is the best',
    listOf(integer({ min: 1 })),
    runDefaults.ks,
  ),
  defaultText: runDefaults.ks.join(),
};

const deviceText = `execution provider: ${providers.join(', ')} (default: cpu, or cuda with --gpus)`;

export const device = {
  device: optional('name', deviceText, oneOf(providers)),
  gpus: withDefault(
    'ids',
    'number of the CUDA device, or of several, which share each batch of a training, or the images of dws embed and dws eval; empty for the CPU',
    text,
    '',
  ),
  threads: {
    ...withDefault('n', 'threads of ONNX Runtime on the CPU', count, runDefaults.threads),
    defaultText: 'all of this machine',
  } as OptionRow<number>,
  tf32: optional(
    'on|off',
    'whether CUDA rounds the factors of products to 11 bits, which is faster (default: on)',
    oneOf<Tf32>(['on', 'off']),
  ),
  gpuMemLimit: optional('size', "what a session may take of the CUDA device's memory, as 8GB (default: all)", bytes),
  deterministic: toggle(
    'leave out what may come out otherwise each time on CUDA, as far as that can be chosen; slower',
  ),
};

export const ranks = {
  ranks: optional(
    'n',
    'processes that share each batch, or the images, started by mpirun on this machine',
    integer({ min: 1 }),
  ),
  rankTimeout: optional(
    'seconds',
    'after which a rank that is not heard of, or does nothing, ends all of them (default: 300)',
    number({ above: 0 }),
  ),
};

export const provider = withDefault(
  'name',
  `provider to build for: ${providers.join(', ')}`,
  oneOf(providers),
  runDefaults.device,
);

export const checkpoint = required('file', "checkpoint, or a training's folder: its best one, or else the last", path);

/** What running a checkpoint's network takes. */
export const inference = {
  checkpoint,
  ...backboneModule,
  batchSize: withDefault('n', 'images at a time', count, embedDefaults.batchSize),
  resize: optional('mode', `${resizeText} (default: as in the training)`, oneOf(resizes)),
  resizeTo: optional('pixels', `${resizeToText} (default: as in the training)`, count),
  ...imageReading,
};
