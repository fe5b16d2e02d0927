/** The measurements as Markdown. */
import os from 'node:os';
import type { GalleryDtype } from '../../src/graph/artifacts/gallery.js';
import type { WebModelInfo, WebVariantName } from '../../src/graph/artifacts/web-model.js';
import type { SearchTimes } from './browser.js';

/** Of embeddings in the browser with those of `dws embed`. */
export interface Agreement {
  lowest: number;
  mean: number;
}

export interface ModelRow {
  setup: string;
  variant: WebVariantName;
  /** Seconds to the first embedding. */
  cold: number;
  warm: number;
  perSecond: number;
  /** Of icons of many sizes as PNG; of the first row, as JPEG and WebP too. */
  agreement: Agreement[];
  /** Recall@1 in [0, 1] by `dws embed` and in the browser, on the same images. */
  recall: { images: number; expected: number; found: number };
}

export interface SearchRow extends SearchTimes {
  dtype: GalleryDtype;
  count: number;
}

export interface Report {
  command: string;
  info: WebModelInfo;
  models: ModelRow[];
  search: SearchRow[];
  /** Icons of many sizes. */
  sizes: number;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const count = (value: number): string => value.toLocaleString('en-US');
const seconds = (value: number): string => `${value.toFixed(2)} s`;
const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const cosines = ({ lowest, mean }: Agreement): string[] => [lowest.toFixed(6), mean.toFixed(6)];

const formatNames = ['PNG', 'JPEG', 'WebP'];

/** Of the row that was measured with all formats; empty when it was left out. */
function formatSection(models: readonly ModelRow[]): string {
  const row = models.find(({ agreement }) => agreement.length === formatNames.length);
  if (!row) return '';
  const formats = table(
    ['', 'lowest cosine', 'mean'],
    formatNames.map((name, i) => [name, ...cosines(row.agreement[i]!)]),
  );
  return `The same icons in other formats, ${row.variant}, ${row.setup}: browsers decode the whole image, libvips decodes large JPEG and WebP files
to a smaller size.

${formats}

`;
}

export function report({ command, info, models, search, sizes }: Report): string {
  const bytes = table(
    ['', 'graph and weights'],
    info.variants.map(({ name, bytes: size }) => [name, count(size)]),
  );
  const byDevice = table(
    [
      '',
      'weights',
      'first, cold',
      'first, warm',
      'images a second',
      'lowest cosine',
      'mean',
      'Recall@1',
      'dws embed',
      'images',
    ],
    models.map(({ setup, variant, cold, warm, perSecond, agreement, recall }) => [
      ...[setup, variant, seconds(cold), seconds(warm), perSecond.toFixed(2), ...cosines(agreement[0]!)],
      ...[recall.found.toFixed(4), recall.expected.toFixed(4), count(recall.images)],
    ]),
  );
  const searches = table(
    ['', 'images', 'first search', 'median of 20'],
    search.map(({ dtype, count: images, first, median }) => [
      dtype,
      count(images),
      milliseconds(first),
      milliseconds(median),
    ]),
  );
  const [cpu] = os.cpus();
  const load = os.loadavg()[1]!.toFixed(1);
  return `# The model in Chromium

    ${command}

${info.model} at ${info.imageSize} px, ${info.embedDim} dimensions. Chromium on ${os.cpus().length} cores (${cpu!.model}; load average at the end: ${load}),
files from the same machine; WebGPU on Chromium's software driver, without a graphics processor: its times say nothing of one that has it.

Model bytes:

${bytes}

From \`EmbeddingModel.load\` to the first embedding, in a browser that has seen nothing yet (cold) and in a page that is opened again (warm);
images a second with fetching and decoding; cosine to \`dws embed\` on ${sizes} icons of 12 to 900 px as PNG; Recall@1 of the first images of \`val\`:

${byDevice}

${formatSection(models)}Exact search of the ten nearest, 128 dimensions, in the page:

${searches}
`;
}
