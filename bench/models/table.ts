/** The measured rows as text, as Markdown and as JSON. */
import type { Measured } from './measure.js';

/** A model that failed has only its name and the reason. */
export type Row = Measured | { model: string; error: string };

interface Column {
  title: string;
  width: number;
  cell: (row: Measured) => string;
}

const columns: readonly Column[] = [
  { title: 'model', width: -13, cell: ({ model }) => model },
  { title: 'px', width: 3, cell: ({ size }) => String(size) },
  { title: 'parameters', width: 11, cell: ({ parameters }) => parameters.toLocaleString('en-US') },
  { title: 'nodes', width: 6, cell: ({ nodes }) => nodes.toLocaleString('en-US') },
  { title: 'artifact', width: 8, cell: (row) => `${(row.artifact_bytes / 1e6).toFixed(2)} MB` },
  { title: 'session s', width: 9, cell: ({ session_s: s }) => s.toFixed(2) },
  { title: 'step s', width: 7, cell: ({ step_s: s }) => s.toFixed(3) },
  { title: 'PyTorch s', width: 9, cell: ({ peer_step_s: s }) => s.toFixed(3) },
  { title: 'time', width: 6, cell: ({ step_ratio: ratio }) => `${ratio.toFixed(2)} x` },
  { title: 'peak MiB', width: 8, cell: ({ peak_mib: mib }) => mib.toLocaleString('en-US') },
  { title: 'PyTorch MiB', width: 11, cell: ({ peer_peak_mib: mib }) => mib.toLocaleString('en-US') },
  { title: 'memory', width: 6, cell: ({ memory_ratio: ratio }) => `${ratio.toFixed(2)} x` },
];

/** Names to the left, numbers to the right. */
const aligned = (text: string, width: number): string => (width < 0 ? text.padEnd(-width) : text.padStart(width));

const textLine = (cells: readonly string[]): string =>
  cells.map((cell, i) => aligned(cell, columns[i]!.width)).join('  ');
const markdownLine = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const titles = columns.map(({ title }) => title);

const cells = (row: Row): string[] => ('error' in row ? [row.model, 'FAILED'] : columns.map(({ cell }) => cell(row)));

export interface TableFormat {
  header: readonly string[];
  line: (row: Row) => string;
}

export const tableFormats = {
  text: { header: [textLine(titles)], line: (row) => textLine(cells(row)) },
  markdown: {
    header: [markdownLine(titles), markdownLine(columns.map(({ width }) => (width < 0 ? '---' : '---:')))],
    line: (row) => markdownLine(cells(row)),
  },
  json: { header: [], line: (row) => JSON.stringify(row) },
} satisfies Record<string, TableFormat>;
