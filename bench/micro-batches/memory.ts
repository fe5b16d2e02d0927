/** What a step of large batches takes, in pieces and whole: each in a process of its own. */
import { timeOurs } from '../step/main.js';

interface Measured {
  model: string;
  size: number;
  batch: number;
  /** Images in a piece; the whole batch unless given. */
  piece?: number;
  /** Above it, the row does not hold. */
  mostMib?: number;
}

const atFullSize = (model: string, largestWhole: number): Measured[] =>
  [40, 160, 640].flatMap((batch) => [
    ...(batch <= largestWhole ? [{ model, size: 224, batch }] : []),
    { model, size: 224, batch, piece: 20 },
  ]);

/** The whole batch where it fits into 20 GB. */
const rows: readonly Measured[] = [
  ...atFullSize('resnet18', 160),
  ...atFullSize('resnet50', 40),
  { model: 'resnet18', size: 64, batch: 4000, piece: 100, mostMib: 2048 },
];

const nameOf = ({ model, size, batch, piece }: Measured): string =>
  `${model}-${size}-${batch}${piece === undefined ? '' : `-${piece}`}`;

/** @param only names of rows, `MODEL-SIZE-BATCH[-PIECE]`; all unless given @returns what does not hold */
export async function measureMemory(only: readonly string[] = []): Promise<string[]> {
  const unknown = only.find((name) => !rows.some((row) => nameOf(row) === name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: rows are ${rows.map(nameOf).join(', ')}`);
  console.log('| model | px | batch | images in a piece | s a step | peak MiB |');
  console.log('|---|---:|---:|---:|---:|---:|');
  const problems: string[] = [];
  for (const row of rows.filter((row) => only.length === 0 || only.includes(nameOf(row)))) {
    const { model, size, batch, piece, mostMib = Infinity } = row;
    const named = { model, size, batch, k: 5, steps: 1, ...(piece !== undefined && { 'micro-batch': piece }) };
    const args = Object.entries(named).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const { step_s: seconds, peak_mib: mib } = await timeOurs(args);
    console.log(`| ${[model, size, batch, piece ?? 'whole', seconds.toFixed(2), mib].join(' | ')} |`);
    if (mib > mostMib) problems.push(`${nameOf(row)}: ${mib} MiB, above ${mostMib}`);
  }
  return problems;
}
