/** The model card: what the model is, what it is worth, how to use it, and what the images' licence says. */
import { counted } from '../base/counted.js';
import type { WebModelInfo, WebVariant } from '../../graph/artifacts/web-model.js';
import type { Preprocessing } from '../../graph/preprocessing.js';
import { squaresText } from '../../graph/preprocessing.js';
import { sizeText } from '../base/size-text.js';
import type { CheckpointMetadata } from '../checkpoints/checkpoint.js';

export interface CardFacts {
  info: WebModelInfo;
  preprocessing: Preprocessing;
  training: CheckpointMetadata;
  /** The validation set behind the numbers; absent when nothing was measured. */
  measured?: { images: number; classes: number };
  /** The text that lies with the images, if there is one: Markdown. */
  license?: { file: string; text: string };
}

const share = (value: number) => value.toFixed(4);

/** What would be HTML, or end the cell. */
const special: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '|': '&#124;' };
const cellText = (text: string) => text.replace(/[&<>|]/g, (character) => special[character]!);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cellText).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const storage: Record<WebVariant['name'], string> = {
  fp32: 'float32',
  fp16: 'float16',
  int8: '8-bit integers, one scale for each filter; the smallest layers as float16',
};

function variantTable(variants: readonly WebVariant[], isMeasured: boolean): string {
  const columns: [string, (variant: WebVariant) => string][] = [
    ['form', ({ name }) => name],
    ['weights stored as', ({ name }) => storage[name]],
    ['download', ({ bytes }) => sizeText(bytes)],
  ];
  if (isMeasured) {
    columns.push(
      ['cosine to fp32, mean', ({ cosine }) => cosine!.mean.toFixed(6)],
      ['lowest', ({ cosine }) => cosine!.lowest.toFixed(6)],
      ['Recall@1', ({ recallAt1 }) => share(recallAt1!)],
    );
  }
  return table(
    columns.map(([name]) => name),
    variants.map((variant) => columns.map(([, cell]) => cell(variant))),
  );
}

function results({ info: { recall }, measured }: CardFacts): string {
  if (!recall || !measured) {
    return 'Not measured: the export was made without the images (`dws export --web DIR --data-path DATA` measures).';
  }
  const ks = Object.keys(recall);
  return [
    `Measured on the graphs of this folder with ${counted(measured.images, 'validation image')} of ` +
      `${counted(measured.classes, 'class', 'classes')}: every image is a query against all others, and a hit at k has one of its class ` +
      `among the k nearest.`,
    '',
    table(['', ...ks.map((k) => `Recall@${k}`)], [['fp32', ...ks.map((k) => share(recall[k]!))]]),
  ].join('\n');
}

/** Names as they are in the checkpoint; what says nothing about the numbers is not there. */
function hyperparameters({ options, runOptions, seed, step, epoch }: CheckpointMetadata): string {
  const values: Record<string, unknown> = { ...options, ...runOptions, seed, step, epoch };
  const rows = Object.entries(values)
    .filter(([, value]) => typeof value !== 'object' || Array.isArray(value))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [`\`${name}\``, String(value)]);
  return table(['option', 'value'], rows);
}

const dataLicense = (license: CardFacts['license']): string =>
  license
    ? // Its headings go below this page's.
      `From \`${license.file}\`, which lies with the images:\n\n${license.text.trim().replace(/^(#+) /gm, '##$1 ')}`
    : 'Not recorded: no `LICENSES.md` or `LICENSE` lies with the images. Say here where they come from before passing this on.';

export function modelCard(facts: CardFacts): string {
  const { info, preprocessing, training, license } = facts;
  const { model, embedDim, featDim, variants, step } = info;
  const { mean, std } = preprocessing;
  return `---
library_name: transformers.js
pipeline_tag: image-feature-extraction
tags:
  - dws
  - image-retrieval
  - metric-learning
  - onnx
  - ${model}
---

# Image embedding, ${model}

Gives every image ${embedDim} numbers: a vector of length 1, close to those of images of the same class and far from others.
Trained for ${counted(step, 'step')} with distance-weighted sampling and margin loss (Wu et al., ICCV 2017) by \`dws\`.

## Results

${results(facts)}

${variantTable(variants, facts.measured !== undefined)}

All forms compute in float32, on every backend of ONNX Runtime.

## Images

The graphs take images of any size as they come out of the decoder: the first frame, turned upright as EXIF says, RGB in 0..255,
sRGB, with transparency drawn on white. They do the rest: an image is ${squaresText(preprocessing)};
then normalized by mean ${mean.join(', ')} and standard deviation ${std.join(', ')} of values in [0, 1]. So a page and a server compute
the same.

| file | input | outputs |
| --- | --- | --- |
| \`onnx/image.onnx\` | \`image\` uint8 [1, height, width, 3 or 4] | \`embeddings\` [1, ${embedDim}], \`features\` [1, ${featDim}] |
| \`onnx/model.onnx\` | \`pixel_values\` float32 [batch, 3, height, width] | \`image_embeds\` [batch, ${embedDim}], \`features\` [batch, ${featDim}] |

Their weights are in \`onnx/model.onnx_data\`. \`dws.json\` says the same to programs.

## Use

\`\`\`js
import { EmbeddingModel } from 'dws/web';
const model = await EmbeddingModel.load('/path/of/this/folder/');
const embedding = await model.embed(image); // File, Blob, URL, <img>, canvas, ImageData ...
\`\`\`

\`\`\`js
import { env, pipeline } from '@huggingface/transformers';
env.allowRemoteModels = false;
const extract = await pipeline('image-feature-extraction', '/path/of/this/folder');
const { data } = await extract(image); // the same numbers
\`\`\`

## Training

${hyperparameters(training)}

## License of the images

${dataLicense(license)}
`;
}
