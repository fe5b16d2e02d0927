/** What comes out again to the bit, and how far apart the losses get where it does not. */
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { diffRuns } from '../../src/runner/reproduce/diff.js';
import { dws, expectDws, settings } from './runs.js';

interface Cell {
  name: string;
  /** Of the second training. */
  options?: string[];
  /** Is killed when its output matches, and then goes on. */
  killAt?: RegExp;
}

const cells: readonly Cell[] = [
  { name: 'nothing' },
  {
    name: '--workers 0, --cache ram, --steps-per-run 1',
    options: ['--workers', '0', '--cache', 'ram', '--steps-per-run', '1'],
  },
  { name: '--steps-per-run 7', options: ['--steps-per-run', '7'] },
  {
    name: 'killed within the second epoch and resumed',
    ...{ options: ['--checkpoint-every', '10', '--print-freq', '5'], killAt: /epoch 2\/2 +step 1\d/ },
  },
  { name: '--threads 1 instead of 2', options: ['--threads', '1'] },
  { name: '--threads 4 instead of 2', options: ['--threads', '4'] },
];

export async function printTable(root: string, data: string, steps: number): Promise<void> {
  const moved = path.join(root, 'moved');
  await cp(data, moved, { recursive: true });
  const common = ['--threads', '2', ...settings(steps)];
  const reference = path.join(root, 'run');
  await expectDws(0, ['train', '--data-path', data, '--out', reference, ...common]);
  console.log(
    '| another | the same bits | first loss that differs | largest difference of a loss |\n| --- | --- | --- | --- |',
  );
  for (const [index, { name, options = [], killAt }] of cells.entries()) {
    const out = path.join(root, `run-${index}`);
    const args = ['train', '--data-path', moved, '--out', out, ...common, ...options];
    if (killAt && (await dws(args, killAt)).code !== null) throw new Error(`${name}: ended before it was killed`);
    await expectDws(0, [...args, '--resume', 'auto']);
    const { curves, checkpoints } = await diffRuns(reference, out);
    const { first, largest } = curves;
    // Of what was computed: a checkpoint also names the number of threads.
    const isSame = !first && checkpoints.every(({ difference }) => difference?.differing === 0);
    const apart = first ? `step ${first.step}` : 'none';
    const far = largest ? `${largest.relative.toExponential(1)} of it, at step ${largest.step}` : 'none';
    console.log(`| ${name} | ${isSame ? 'yes' : 'no'} (${curves.steps} steps) | ${apart} | ${far} |`);
  }
}
