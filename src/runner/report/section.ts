/** What the sections of a report's page are made of. */
import type { Chart, MapData } from '../../report-page/data.js';
import { count, counted } from '../base/counted.js';
import type { UsedImages } from '../data/check.js';
import { usedImages } from '../data/check.js';
import type { Split } from '../data/folder.js';
import type { Html } from './html.js';
import { html } from './html.js';
import type { TrainLook } from './look-at-train.js';
import type { UntrainedLook } from './look-untrained.js';
import type { ValLook } from './look-at-val.js';
import type { RunFiles } from './run-files.js';

export interface ReportContent {
  files: RunFiles;
  /** Undefined where there is no checkpoint, or its images are gone. */
  val: ValLook | undefined;
  train: TrainLook | undefined;
  /** Undefined where it was not asked for, or can't be made again. */
  untrained: UntrainedLook | undefined;
  /** Class names and pictures of the classes with the lowest and the highest beta, by label. */
  betaPictures: Map<number, string>;
  notes: readonly string[];
  descriptions: Readonly<Record<string, string>>;
  /** ISO 8601. */
  made: string;
}

export interface Section {
  html: Html;
  /** By the ids of the places that `figure` makes. */
  charts?: Record<string, Chart>;
  map?: MapData;
}

/** Nothing of a section's matter is there. */
export const emptySection: Section = { html: html`` };

/** A chart with what it shows and what good looks like. */
export const figure = (id: string, title: string, text: Html, summary: string): Html =>
  html` <figure class="panel">
    <figcaption>
      <h3>${title}</h3>
      <p>${text}</p>
    </figcaption>
    <div id="${id}" class="chart" role="img" aria-label="${title}. ${summary}"></div>
  </figure>`;

export { count, counted };

/** 103 images of 8 classes, 3 can’t be read and are left out */
export function imagesText({ images, classes, skipped }: UsedImages): string {
  const left = skipped > 0 ? `, ${count(skipped)} can’t be read and ${skipped === 1 ? 'is' : 'are'} left out` : '';
  return `${counted(images, 'image')} of ${counted(classes, 'class', 'classes')}${left}`;
}

/** What the run used of a split, as it recorded; of older records, all that is listed. */
export function usedOf({ run, data }: RunFiles, split: Split): UsedImages | undefined {
  const listed = data[split];
  return run.last.images?.[split] ?? (listed && usedImages(listed, 0));
}

/** 0.383 -> 38 % */
export const percent = (share: number, digits = 0): string => `${(100 * share).toFixed(digits)} %`;

/** As many digits as a chart can show: the page stays small. */
export const rounded = (values: readonly number[]): number[] => values.map((value) => Number(value.toPrecision(4)));
