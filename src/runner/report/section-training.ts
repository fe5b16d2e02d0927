/** The training's curves. */
import type { LeftOut } from '../checkpoints/checkpoint.js';
import type { Metrics } from '../training/metrics-file.js';
import { reasonOf } from '../training/left-out.js';
import { stepCurves } from './curves.js';
import type { Html } from './html.js';
import { html } from './html.js';
import type { ReportContent, Section } from './section.js';
import { count, counted, figure } from './section.js';

interface Curve {
  title: string;
  text: (content: ReportContent) => Html;
}

/** The name of a loss that is not the margin loss. */
const otherLoss = ({ files }: ReportContent): string | undefined => files.run.last.hyperparameters.training.loss;

const curves: Record<string, Curve> = {
  loss: {
    title: 'Loss',
    text: (content) =>
      otherLoss(content) !== undefined
        ? html`What the training makes smaller, as the loss ${otherLoss(content)} has it. It should fall at first, and
          be level at the end.`
        : html`What the training makes smaller: how far pairs of images lie on the wrong side of their boundary, as a
          mean over those that do. It should fall at first, and be level at the end. As only wrong pairs count, it may
          stay level while wrong pairs become fewer, which is progress as well.`,
  },
  pairs: {
    title: 'Pairs still wrong',
    text: ({ files }) => {
      const { batchSize, batchK } = files.run.last.options;
      return html`How many of the ${count(2 * batchSize * (batchK - 1))} pairs of a step are not yet on the right side
      of their boundary by the margin. Falling is good; near 0 there is nothing left to learn from.`;
    },
  },
  'learning-rates': {
    title: 'Learning rates',
    text: (content) =>
      html`How large the steps are that the network and
      ${otherLoss(content) === undefined ? 'the boundaries (beta)' : 'the parameters of the loss'} take. They fall where
      the options say so; smaller steps near the end let the network settle.`,
  },
  'gradient-norm': {
    title: 'Gradient norm',
    text: () =>
      html`How strongly a step pulls at the network, before clipping. Rare and small peaks are good; growth without end
      is a training that diverges, which a smaller learning rate or clipping mends.`,
  },
  'loss-scale': {
    title: 'Loss scale',
    text: () =>
      html`What the loss is multiplied with for the backward pass, so that float16 holds its gradients. It is halved at
      a step whose gradient overflows, which is left out, and doubled after 2,000 steps without one. Some such steps are
      as it should be; falling without end is a training that diverges. Where there is no curve, steps were in float32.`,
  },
};

/** Of a loss that is not from here, the page knows the names alone. */
const statistic = (name: string): Curve => ({
  title: name.replaceAll('_', ' '),
  text: () => html`What the loss tells of each step as ${name}.`,
});

function summaryOf(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? `From ${known[0]!.toPrecision(3)} to ${known.at(-1)!.toPrecision(3)}.` : '';
}

const whyLeftOut: Record<keyof LeftOut, string> = {
  overflow: 'for a scaled gradient beyond float16, as happens in mixed precision while the scale finds its place',
  notFinite: 'for a loss or gradient that was not finite',
};

/** What was left out, a sentence for each reason; of lines, as a run may have pieces in either precision. */
export function leftOutTexts(metrics: readonly Metrics[]): string[] {
  const reasons = metrics.flatMap((line) =>
    line.kind === 'step' && line.skipped ? [reasonOf({ loss: line.loss, lossScale: line.loss_scale })] : [],
  );
  return (Object.keys(whyLeftOut) as (keyof LeftOut)[]).flatMap((reason) => {
    const steps = reasons.filter((one) => one === reason).length;
    return steps > 0 ? [`${counted(steps, 'step was', 'steps were')} left out ${whyLeftOut[reason]}.`] : [];
  });
}

export function trainingSection(content: ReportContent): Section {
  const charts = stepCurves(content.files.metrics);
  const figures = Object.entries(charts).map(([id, { series }]) => {
    const { title, text } = curves[id] ?? statistic(id);
    return figure(id, title, text(content), summaryOf(series.at(-1)!.values));
  });
  return {
    html: html` <section aria-labelledby="training">
      <h2 id="training">How did the training go?</h2>
      ${leftOutTexts(content.files.metrics).map((text) => html`<p class="missing">${text}</p>`)}
      ${figures.length > 0 ? html`<div class="pair">${figures}</div>` : html`<p class="missing">No step was written yet.</p>`}
    </section>`,
    charts,
  };
}
