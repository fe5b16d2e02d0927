/** What the training learns from: the pairs that are drawn, and the boundary of each class. */
import { samplingCutoffs } from '../../graph/samplings/distance-weighted.js';
import type { Chart } from '../../report-page/data.js';
import { printableName } from '../base/printable-name.js';
import type { Betas } from './betas.js';
import { describeBetas } from './betas.js';
import { binCenters, histogramOf } from './histogram.js';
import type { Html } from './html.js';
import { html } from './html.js';
import type { TrainLook } from './look-at-train.js';
import type { ReportContent, Section } from './section.js';
import { count, emptySection, figure, percent, rounded } from './section.js';
import { distanceBins } from './section-embeddings.js';
import { distanceDensity } from './sphere.js';

/** Classes in each list. */
export const listedClasses = 6;

const sampledChart = ({ all, drawn }: TrainLook, dimensions: number): Chart => ({
  x: rounded(binCenters(distanceBins)),
  xRange: [0, 2],
  xLabel: 'distance of two images of different classes',
  yLabel: 'density',
  digits: 3,
  series: [
    {
      label: 'random points (theory)',
      look: 'dashed',
      color: 4,
      values: rounded(binCenters(distanceBins).map(distanceDensity(dimensions))),
    },
    { label: 'all pairs of a batch', look: 'area', color: 1, values: rounded(all.density()) },
    { label: 'pairs drawn', look: 'area', color: 0, values: rounded(drawn.density()) },
  ],
  marks: [
    { x: samplingCutoffs.cutoff, label: 'nearer counts as this' },
    { x: samplingCutoffs.nonzeroLossCutoff, label: 'not drawn beyond' },
  ],
});

/** The share of a histogram's weight below a value. */
function shareBelow(counts: Float64Array, value: number): number {
  const end = Math.round((value * distanceBins.count) / distanceBins.to);
  const sum = (values: Float64Array) => values.reduce((total, one) => total + one, 0);
  return sum(counts.subarray(0, end)) / sum(counts);
}

/** Where pairs begin that are so near that the loss has something to say about most of them. */
const near = 1;

function sampledFigure(train: TrainLook, dimensions: number): Html {
  const summary = `Of all pairs, ${percent(shareBelow(train.all.counts, near), 1)} are nearer than ${near}; of those drawn, ${percent(shareBelow(train.drawn.counts, near), 1)}.`;
  const text = html`Most images of different classes are far apart, so that pairs drawn evenly (orange) would teach
  little. Distance-weighted sampling draws a pair the more often, the rarer its distance is among random points on the
  sphere (dashed), 1 / q(d). What it draws (blue) should reach further to the left than the orange hill, up to the lines
  of the two cutoffs. ${summary}`;
  return html`${figure('sampled', 'Which pairs are drawn', text, summary)}
    <p class="fine">
      ${count(train.batches)} batches as the training would see next, embedded without mirroring and dropout; how often
      each pair is drawn on average is told by the training’s own sampling graph. q(d) ∝ d<sup>n−2</sup> (1 − d²/4)<sup
        >(n−3)/2</sup
      >
      with n = ${dimensions}, as in Wu et al., “Sampling Matters in Deep Embedding Learning” (2017).
    </p>`;
}

/** Bars of the histogram. */
const bars = 30;

const betaChart = (beta: Float32Array, { least, greatest }: Betas, initial: number): Chart => {
  const bins = { from: least, to: greatest, count: bars };
  return {
    x: rounded(binCenters(bins)),
    xRange: [
      Math.min(least, initial) - (greatest - least) / bars,
      Math.max(greatest, initial) + (greatest - least) / bars,
    ],
    xLabel: 'beta',
    yLabel: 'classes',
    digits: 3,
    series: [{ label: 'classes', look: 'bars', color: 2, values: [...histogramOf(beta, bins).counts] }],
    marks: [{ x: initial, label: 'at the beginning' }],
  };
};

function classList(
  title: string,
  labels: readonly number[],
  beta: Float32Array,
  { files, betaPictures }: ReportContent,
): Html {
  const nameOf = (label: number) => printableName(files.data.train?.classes[label] ?? `class ${label}`);
  return html` <div>
    <h4>${title}</h4>
    <ol class="classes">
      ${labels.map((label) => {
        const url = betaPictures.get(label);
        return html`<li>
          ${url !== undefined && html`<img src="${url}" alt="" width="56" height="56" />`}
          <span class="name">${nameOf(label)}</span> <span class="number">${beta[label]!.toFixed(3)}</span>
        </li>`;
      })}
    </ol>
  </div>`;
}

function betaPanel(beta: Float32Array, content: ReportContent): { html: Html; chart?: Chart } {
  const { options } = content.files.checkpoint!.metadata;
  const found = describeBetas(beta, listedClasses);
  const { least, greatest, mean } = found;
  if (!(greatest > least)) {
    return {
      html: html`<p class="missing">
        Each class has the same boundary, beta =
        ${mean.toFixed(3)}${!options.learnBeta && ': the training was told to keep it'}.
      </p>`,
    };
  }
  const summary = `From ${least.toFixed(3)} to ${greatest.toFixed(3)}, ${mean.toFixed(3)} on average.`;
  const text = html`Beta is the distance at which a class draws its boundary: nearer images should be of the class,
  others beyond it. It is learned for each class. A class with a low beta keeps its images close together; one with a
  high beta has images that differ a lot, or look like those of others. ${summary}`;
  return {
    html: html`${figure('beta', 'Boundary by class (beta)', text, summary)}
      <div class="pair lists">
        ${classList('Lowest', found.lowest, beta, content)} ${classList('Highest', found.highest, beta, content)}
      </div>`,
    chart: betaChart(beta, found, options.beta),
  };
}

export function samplingSection(content: ReportContent): Section {
  const { files, train } = content;
  const { checkpoint } = files;
  if (!checkpoint) return emptySection;
  const { embedDim } = checkpoint.trained.network;
  const ofClasses = checkpoint.metadata.options.loss === undefined ? checkpoint.state['beta'] : undefined;
  const beta = ofClasses && betaPanel(ofClasses, content);
  // On a circle and below, the density has no bounds.
  const drawn = train && embedDim > 2 ? sampledFigure(train, embedDim) : undefined;
  return {
    html: html` <section aria-labelledby="sampling">
      <h2 id="sampling">What does it learn from?</h2>
      ${drawn} ${beta?.html}
      ${!drawn && !beta && html`<p class="missing">The loss looks at whole batches, or draws what this page can not show.</p>`}
    </section>`,
    charts: {
      ...(drawn && { sampled: sampledChart(train!, embedDim) }),
      ...(beta?.chart && { beta: beta.chart }),
    },
  };
}
