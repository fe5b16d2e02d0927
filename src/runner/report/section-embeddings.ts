/** How the embeddings lie: distances of pairs, and a map. */
import { relative } from 'node:path';
import type { Chart, MapData } from '../../report-page/data.js';
import { printableName } from '../base/printable-name.js';
import type { Bins } from './histogram.js';
import { binCenters, histogramOf } from './histogram.js';
import { html } from './html.js';
import type { ValLook } from './look-at-val.js';
import { webpUrl } from './pictures.js';
import type { ReportContent, Section } from './section.js';
import { count, emptySection, figure, percent, rounded } from './section.js';

/** Of distances on the unit sphere. */
export const distanceBins: Bins = { from: 0, to: 2, count: 80 };

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

function distanceChart({ positive, negative }: ValLook['distances']): Chart {
  const series = [
    { label: 'same class', values: positive, color: 0 },
    { label: 'different classes', values: negative, color: 1 },
  ] as const;
  return {
    x: rounded(binCenters(distanceBins)),
    xRange: [0, 2],
    xLabel: 'distance of two images',
    yLabel: 'density',
    digits: 3,
    series: series.map(({ label, values, color }) => {
      return { label, color, look: 'area', values: rounded(histogramOf(values, distanceBins).density()) };
    }),
  };
}

function mapData({ set, map, found }: ValLook): MapData {
  const { places, positions, sheets } = map;
  const shown = [...new Set(places.map((place) => set.images[place]!.label))];
  const labelOf = new Map(shown.map((label, i) => [label, i]));
  const axis = (offset: number) => places.map((_, i) => Math.round(positions[2 * i + offset]! * 1e4) / 1e4);
  const { size, columns, rows, files } = sheets;
  return {
    ...{ x: axis(0), y: axis(1) },
    names: places.map((place) => printableName(relative(set.root, set.images[place]!.path))),
    labels: places.map((place) => labelOf.get(set.images[place]!.label)!),
    classes: shown.map((label) => printableName(set.classes[label]!)),
    found: places.map((place) => (found[place]! < 0 ? null : (found[place] as 0 | 1))),
    thumbs: { size, columns, rows, sheets: files.map(webpUrl) },
  };
}

const mapPanel = (shown: number, all: number) =>
  html` <div class="panel">
    <h3 id="map-title">Map of the embeddings</h3>
    <p id="map-help">
      Each point is an image${shown < all && ` (${count(shown)} of ${count(all)}, drawn at random)`}; UMAP lays images
      with similar embeddings side by side. Good training makes many small islands, one for each class.
      <b class="key dot-right"></b> Filled points find an image of their class as the nearest,
      <b class="key dot-wrong"></b> rings don’t. Point at one, or go through them with Tab and the arrow keys, to see
      its image, with the others of its class brought out. Drag over a part to look at it closer; a double click shows
      everything again.
    </p>
    <label class="switch"><input type="checkbox" id="map-pictures" /> Show images in place of points</label>
    <div
      id="map"
      class="map"
      tabindex="0"
      role="application"
      aria-roledescription="map"
      aria-labelledby="map-title"
      aria-describedby="map-help"
    ></div>
  </div>`;

export function embeddingsSection({ val }: ReportContent): Section {
  if (!val) return emptySection;
  const { positive, negative } = val.distances;
  const middle = median(positive);
  const closer = negative.filter((distance) => distance < middle).length / Math.max(1, negative.length);
  const summary = `Half of the pairs of one class are closer than ${middle.toFixed(2)}; of pairs of different classes, ${percent(closer, 1)} are.`;
  const text = html`How far two images lie apart: 0 is the same place, 2 the opposite one. Training should move the hill
  of pairs of one class to the left, and out of the other. ${summary}`;
  return {
    html: html` <section aria-labelledby="embeddings">
      <h2 id="embeddings">How do the images lie?</h2>
      ${figure('distances', 'Distances of pairs', text, summary)}
      ${mapPanel(val.map.places.length, val.set.images.length)}
    </section>`,
    charts: { distances: distanceChart(val.distances) },
    map: mapData(val),
  };
}
