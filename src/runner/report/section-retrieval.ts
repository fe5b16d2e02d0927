/** Whether images of the same class are found: Recall@k, and some queries as pictures. */
import { basename } from 'node:path';
import type { Chart } from '../../report-page/data.js';
import { printableName } from '../base/printable-name.js';
import { recallCurves } from './curves.js';
import type { Html } from './html.js';
import { html } from './html.js';
import type { ValLook } from './look-at-val.js';
import type { Query } from './queries.js';
import type { ReportContent, Section } from './section.js';
import { figure, percent } from './section.js';

const classOf = ({ set }: ValLook, place: number): string => printableName(set.classes[set.images[place]!.label]!);

function picture(val: ValLook, place: number, meaning: string): Html {
  const { path } = val.set.images[place]!;
  const name = printableName(basename(path));
  return html`<img
    src="${val.pictures.get(path)!}"
    alt="${meaning}: ${classOf(val, place)}"
    title="${classOf(val, place)} / ${name}"
    width="112"
    height="112"
  />`;
}

function answer(val: ValLook, query: Query, place: number): Html {
  const isRight = val.set.images[place]!.label === val.set.images[query.place]!.label;
  const [kind, mark, meaning] = isRight ? ['right', '✓', 'Right'] : ['wrong', '✗', 'Wrong'];
  return html`<li class="${kind}">
    ${picture(val, place, meaning)}
    <span class="mark" aria-hidden="true">${mark}</span>
    <span class="name">${classOf(val, place)}</span>
  </li>`;
}

function row(val: ValLook, query: Query): Html {
  const isRight = (place: number) => val.set.images[place]!.label === val.set.images[query.place]!.label;
  const right = query.found.filter(isRight).length;
  return html`<li class="query">
    <div class="asked">
      ${picture(val, query.place, 'Query')}
      <span class="name">${classOf(val, query.place)}</span>
      <span class="score">${right} of ${Math.min(query.others, query.found.length)} right</span>
    </div>
    <ol class="found">
      ${query.found.map((place) => answer(val, query, place))}
    </ol>
  </li>`;
}

const gallery = (val: ValLook): Html =>
  html` <div class="panel">
    <h3>What it finds</h3>
    <p>
      To the left an image that is searched with, to the right the nearest images to it, closest first.
      <b class="key right">✓</b> and a full frame: of the same class. <b class="key wrong">✗</b> and a dashed frame: of
      another. Look at the worst ones to see what the network mixes up, or which images lie in the wrong class.
    </p>
    <h4>Best queries</h4>
    <ol class="queries">
      ${val.best.map((query) => row(val, query))}
    </ol>
    <h4>Worst queries</h4>
    <ol class="queries">
      ${val.worst.map((query) => row(val, query))}
    </ol>
  </div>`;

/** Rows of a table at most. */
const mostRows = 60;

function recallTable({ x, series }: Chart): Html {
  const each = Math.ceil(x.length / mostRows);
  const rows = [...x.keys()].filter((row) => row % each === 0 || row === x.length - 1);
  return html` <details>
    <summary>As a table</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Recall@k by epoch">
      <table>
        <thead>
          <tr>
            <th scope="col">Epochs</th>
            ${series.map(({ label }) => html`<th scope="col">${label}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              html`<tr>
                <th scope="row">${x[row]!}</th>
                ${series.map(({ values }) => html`<td>${values[row]?.toFixed(4) ?? '–'}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}

export function retrievalSection({ files, val }: ReportContent): Section {
  const recall = recallCurves(files.metrics);
  if (!recall && !val)
    return { html: html`<p class="missing">The run was not evaluated yet: there is no Recall@k to show.</p>` };
  const first = recall?.series[0]?.values;
  const text = html`How often at least one of the k nearest images to a query is of its class. Higher is better. Curves
  that still rise at the end say that more epochs would help; the value at 0 is that of the untrained network.`;
  const summary = first ? `Recall@1 goes from ${percent(first[0]!, 1)} to ${percent(first.at(-1)!, 1)}.` : '';
  return {
    html: html` <section aria-labelledby="retrieval">
      <h2 id="retrieval">Does it find the right images?</h2>
      ${recall ? html`${figure('recall', 'Recall@k', text, summary)}${recallTable(recall)}` : html`<p class="missing">The run was not evaluated yet: there is no curve of Recall@k.</p>`}
      ${val && gallery(val)}
    </section>`,
    charts: recall && { recall },
  };
}
