/** The head of the page: what was trained, how good it is, what is missing. */
import { printableName } from '../base/printable-name.js';
import { partLabel } from '../modules/kinds.js';
import type { Html } from './html.js';
import { html } from './html.js';
import type { ReportContent, Section } from './section.js';
import { count, counted, percent, usedOf } from './section.js';
import type { ValLook } from './look-at-val.js';
import type { EvalMetrics } from '../training/metrics-file.js';

const statusTexts = {
  running: 'The training is still running, or was killed: this is how far it has come.',
  interrupted: 'The training was interrupted: this is how far it has come.',
  'time-up': 'The training was stopped by its time limit: this is how far it has come.',
  failed: 'The training failed: this is how far it has come.',
  done: undefined,
};

/** What the numbers are about, for somebody who has never seen one of these trainings. */
function introduction({ files, val }: ReportContent): Html {
  const { model, modules, embedDim, imageSize } = files.run.last.options;
  const { train } = files.data;
  const learned = html`The network <strong>${printableName(partLabel(model, modules?.backbone))}</strong> turns an image
    of ${imageSize} × ${imageSize} pixels into ${embedDim} numbers, its <em>embedding</em>, such that images of one
    class lie close together and others far apart.`;
  if (!train || !val) return learned;
  const known = new Set(train.classes);
  const tested = [...new Set(val.set.images.map(({ label }) => val.set.classes[label]!))];
  const isNew = !tested.some((name) => known.has(name));
  const { images, classes } = usedOf(files, 'train')!;
  return html`${learned} It was trained on ${counted(images, 'image')} of ${counted(classes, 'class', 'classes')} and is
  tested here on ${counted(val.set.images.length, 'image')} of
  ${isNew ? html`<strong>${count(tested.length)} other classes</strong>, none of which it has seen before.` : `${counted(tested.length, 'class', 'classes')}.`}`;
}

/** What the tiles' numbers are taken from. */
type Numbers = Pick<ValLook, 'recall' | 'metrics'>;

interface Tile {
  name: string;
  value: (of: Numbers) => number;
  text: (value: number, val: ValLook) => string;
}

const tiles: Tile[] = [
  {
    name: 'Recall@1',
    value: ({ recall }) => recall[1]!,
    text: (value) => `${percent(value)} of the images find one of their own class as the nearest.`,
  },
  {
    name: 'R-precision',
    value: ({ metrics }) => metrics.r_precision,
    text: (value) => `Of the images that should come first, ${percent(value)} do.`,
  },
  {
    name: 'MAP@R',
    value: ({ metrics }) => metrics.mean_average_precision_at_r,
    text: () => 'As R-precision, but an image counts more the nearer to the front it comes.',
  },
  {
    name: 'NMI',
    value: ({ metrics }) => metrics.NMI,
    text: (_, { metrics }) =>
      `How far groups that k-means finds without any names agree with the classes. Corrected for chance (AMI): ${metrics.AMI.toFixed(3)}.`,
  },
];

const evaluations = ({ metrics }: ReportContent['files']): EvalMetrics[] =>
  metrics.filter((line): line is EvalMetrics => line.kind === 'eval');

/** Recall@1 of all images before the first step, as the training wrote it. */
const recordedFirst = (files: ReportContent['files']): number | undefined =>
  evaluations(files).find(({ step }) => step === 0)?.recall['1'];

/** A training that has come to nothing, by what it wrote itself. */
function notBetterNotes({ files }: ReportContent): string[] {
  const first = recordedFirst(files);
  const after = evaluations(files).filter(({ step }) => step > 0);
  if (first === undefined || after.length === 0) return [];
  const best = after.reduce((most, { recall }) => Math.max(most, recall['1']!), 0);
  if (best > first) return [];
  return [
    `The best Recall@1 of the training, ${best.toFixed(3)}, is not better than the ${first.toFixed(3)} of the network before it. ` +
      `Pretrained weights, another learning rate or more epochs may come to more.`,
  ];
}

const tileOf =
  ({ files, untrained }: ReportContent, val: ValLook) =>
  ({ name, value, text }: Tile, place: number): Html => {
    const isWhole = val.set.images.length === val.total;
    const before = (untrained && value(untrained)) ?? (place === 0 && isWhole ? recordedFirst(files) : undefined);
    return html` <div class="tile">
      <dt>${name}</dt>
      <dd>
        <span class="number">${value(val).toFixed(3)}</span>
        ${before !== undefined && html`<span class="before">${before.toFixed(3)} before training</span>`}
        <span class="meaning">${text(value(val), val)}</span>
      </dd>
    </div>`;
  };

const noteBox = (notes: readonly string[]): Html =>
  html` <section class="notes" aria-labelledby="notes-title">
    <h2 id="notes-title">Good to know</h2>
    <ul>
      ${notes.map((note) => html`<li>${note}</li>`)}
    </ul>
  </section>`;

/** What was looked at where it is not everything. */
function sampleNotes({ val }: ReportContent): string[] {
  if (!val) return [];
  const { set, total, skipped, searchTexts } = val;
  const images = set.images.length;
  return [
    ...(images + skipped < total
      ? [
          `Of ${count(total)} test images, ${count(images)} were looked at, drawn at random. Among fewer images the right one is ` +
            `easier to find, so these numbers are higher than those of all images, which the curve of Recall@k shows.`,
        ]
      : []),
    ...(skipped > 0 ? [`${counted(skipped, 'image')} can’t be read and are left out.`] : []),
    ...searchTexts,
  ];
}

export function summarySection(content: ReportContent): Section {
  const { files, val, notes } = content;
  const { run, checkpoint, name } = files;
  const status = statusTexts[run.last.status];
  const all = [
    ...(status === undefined ? [] : [status]),
    ...notBetterNotes(content),
    ...sampleNotes(content),
    ...notes,
  ];
  const stands =
    checkpoint &&
    html` Everything but the curves is of the network after
    ${counted(checkpoint.metadata.step, 'step')}${checkpoint.metadata.best?.step === checkpoint.metadata.step ? ', its best by Recall@1' : ''}.`;
  return {
    html: html` <header class="intro">
        <p class="eyebrow">Training report</p>
        <h1>${name}</h1>
        <p>${introduction(content)}${stands}</p>
      </header>
      ${
        val &&
        html`<dl class="tiles" aria-label="Results, each from 0 to 1, where 1 is perfect">
            ${tiles.map(tileOf(content, val))}
          </dl>
          <p class="fine">
            Each number lies between 0 and 1, where 1 is perfect. They have the definitions of pytorch-metric-learning.
          </p>`
      }
      ${all.length > 0 && noteBox(all)}`,
  };
}
