/** A report as one HTML file that fetches nothing. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { PageData } from '../../report-page/data.js';
import { packageJson } from '../base/package-json.js';
import { Html, html, inlineJson } from './html.js';
import { embeddingsSection } from './section-embeddings.js';
import { factsSection } from './section-facts.js';
import { retrievalSection } from './section-retrieval.js';
import { samplingSection } from './section-sampling.js';
import { summarySection } from './section-summary.js';
import { trainingSection } from './section-training.js';
import type { ReportContent } from './section.js';

const sections = [summarySection, retrievalSection, embeddingsSection, trainingSection, samplingSection, factsSection];

/** The page's script and style sheet as `npm run build` made them, from `src` and from `dist` alike. */
const built = (name: string): Promise<string> =>
  readFile(new URL(`../../../dist/report/${name}`, import.meta.url), 'utf8');

/** With nothing around the content: the page's policy has its hash. */
const element = (name: string, content: string): Html => new Html(`<${name}>${content}</${name}>`);

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing may be fetched, and no other script runs, whatever a file's name holds. */
const policy = (script: string, style: string): string =>
  `default-src 'none'; img-src data:; script-src ${hashOf(script)}; style-src ${hashOf(style)}`;

export async function renderPage(content: ReportContent): Promise<string> {
  const [script, style] = await Promise.all([built('page.js'), built('page.css')]);
  const made = sections.map((section) => section(content));
  const data: PageData = {
    charts: Object.assign({}, ...made.map(({ charts }) => charts)) as PageData['charts'],
    map: made.find(({ map }) => map)?.map,
  };
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy(script, style)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="generator" content="dws ${packageJson().version}" />
        <title>${content.files.name} – training report</title>
        <link rel="icon" href="data:," />
        ${element('style', style)}
      </head>
      <body>
        <main>${made.map((section) => section.html)}</main>
        <footer>
          <p>
            Made by dws ${packageJson().version} on
            <time datetime="${content.made}">${content.made.slice(0, 10)}</time>. Everything is inside of this file.
          </p>
        </footer>
        <script type="application/json" id="data">
          ${inlineJson(data)}
        </script>
        ${element('script', script)}
      </body>
    </html> `;
  return `${page.text.trim()}\n`;
}
