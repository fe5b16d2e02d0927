/** How the run was made: options, machine and versions, data. */
import { preprocessingOf, preprocessingText } from '../../graph/preprocessing.js';
import { basename } from 'node:path';
import { printableName } from '../base/printable-name.js';
import { shownOptions } from '../options/shown-options.js';
import type { Segment } from '../reproduce/record.js';
import { factTable } from '../reproduce/facts.js';
import { optionTable } from '../reproduce/options.js';
import { withoutFolders } from './without-folders.js';
import type { Html } from './html.js';
import { html } from './html.js';
import type { ReportContent, Section } from './section.js';
import { count, counted, imagesText, usedOf } from './section.js';

type Row = [name: string, value: string];

const rows = (entries: readonly Row[]): Html =>
  html` <dl class="facts">
    ${entries.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;

/** 3725 s -> 1 h 2 min */
function lasting(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function trainingRows({ files }: ReportContent): Row[] {
  const { segments } = files.run.record;
  const steps = files.metrics.filter((line) => line.kind === 'step');
  const seconds = steps.reduce((sum, { step_seconds, data_seconds }) => sum + step_seconds + data_seconds, 0);
  const images = steps.length * files.run.last.options.batchSize;
  const at = (time: string | undefined) => time?.replace('T', ' ').replace(/\.\d+Z$/, ' UTC') ?? '–';
  return [
    ['Begun', at(segments[0]!.started)],
    ['Ended', at(segments.at(-1)!.ended)],
    ['Outcome', files.run.last.status],
    ...(segments.length > 1
      ? [['Parts', `${segments.length}, resumed ${counted(segments.length - 1, 'time')}`] as Row]
      : []),
    ['Steps', count(steps.at(-1)?.step ?? 0)],
    ['Time in steps', lasting(seconds)],
    ...(seconds > 0 ? [['Speed', `${(images / seconds).toFixed(1)} images a second`] as Row] : []),
  ];
}

function dataRows({ data, options }: Segment, { files }: ReportContent): Row[] {
  const sizes = (['train', 'val'] as const).flatMap((split): Row[] => {
    const used = usedOf(files, split);
    return used && used.images > 0 ? [[split, imagesText(used)]] : [];
  });
  return [
    ['Folder', printableName(basename(options.dataPath))],
    ...sizes,
    ['Images', preprocessingText(preprocessingOf(options))],
    ...(data ? [['SHA-256 of the listing', data.sha256] as Row] : []),
    ...files.run.record.checkpoints.map(({ file, sha256 }): Row => [printableName(file), sha256]),
  ];
}

/** Options of a device that the run was not on. */
const isIdle = (key: string, { device }: Segment['options']): boolean => key === 'deviceId' && device !== 'cuda';

const shown = (value: unknown): string => {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.join(', ') || 'none';
  return typeof value === 'object' ? JSON.stringify(value) : printableName(String(value));
};

function optionRows({ options }: Segment, descriptions: ReportContent['descriptions']): Html[] {
  return shownOptions({ ...options }, Object.keys(optionTable))
    .filter(({ key, value }) => value !== '' && !isIdle(key, options))
    .map(
      ({ key, flag, value }) =>
        html`<tr>
          <th scope="row"><code>${flag}</code></th>
          <td class="value">${withoutFolders(shown(value), [options.dataPath, options.out])}</td>
          <td>${descriptions[key]}</td>
        </tr>`,
    );
}

export function factsSection(content: ReportContent): Section {
  const segment = content.files.run.last;
  const machine = Object.entries(factTable).map(([name, { label }]): Row => [
    label,
    segment.facts[name as keyof typeof factTable],
  ]);
  return {
    html: html` <section aria-labelledby="facts">
      <h2 id="facts">How was it made?</h2>
      <div class="pair columns">
        <div>
          <div class="panel">
            <h3>Training</h3>
            ${rows(trainingRows(content))}
          </div>
          <div class="panel">
            <h3>Data and files</h3>
            ${rows(dataRows(segment, content))}
          </div>
        </div>
        <div class="panel">
          <h3>Machine and versions</h3>
          ${rows([...machine, ['Threads', String(segment.options.threads)]])}
        </div>
      </div>
      <div class="panel">
        <h3>All options</h3>
        <div class="scroll" tabindex="0" role="region" aria-label="All options">
          <table class="options">
            <thead>
              <tr>
                <th scope="col">Option</th>
                <th scope="col">Value</th>
                <th scope="col">Meaning</th>
              </tr>
            </thead>
            <tbody>
              ${optionRows(segment, content.descriptions)}
            </tbody>
          </table>
        </div>
      </div>
    </section>`,
  };
}
