/** `dws diff`. */
import type { ComparedCheckpoint, RunDifference } from '../../runner/reproduce/diff.js';
import { diffRuns } from '../../runner/reproduce/diff.js';
import { counted } from '../format.js';
import { exitCodes } from '../reproduce-codes.js';
import { changeLines, curveLines, tensorText } from '../run-changes.js';
import { terminal } from '../terminal.js';

const runs: [string, string] = ['RUN_A', 'RUN_B'];

function checkpointLine({ name, difference, onlyIn }: ComparedCheckpoint): string {
  return `${name}: ${difference ? tensorText(difference, runs) : `only in ${onlyIn === 'a' ? runs[0] : runs[1]}`}`;
}

function epochLines({ both, first }: RunDifference['epochs']): string[] {
  if (first) return [`the first that differs is that after epoch ${first.epoch}, step ${first.step}`];
  return both > 0 ? [`the same after ${counted(both, 'epoch')}`] : [];
}

function sections({
  options,
  facts,
  artifacts,
  data,
  curves,
  epochs,
  checkpoints,
}: RunDifference): [string, string[]][] {
  return [
    ['options', changeLines(options)],
    ['facts', changeLines(facts)],
    ['graphs', changeLines(artifacts)],
    ['data', changeLines(data)],
    ['losses and Recall@k', curveLines(curves, runs)],
    ['checkpoints', [...epochLines(epochs), ...checkpoints.map(checkpointLine)]],
  ];
}

export async function diff(a: string, b: string, { json }: { json: boolean }): Promise<void> {
  const difference = await diffRuns(a, b);
  if (json) terminal.print(JSON.stringify(difference, null, 2));
  else {
    for (const [title, lines] of sections(difference)) {
      terminal.print(terminal.bold(title));
      for (const line of lines.length > 0 ? lines : ['the same']) terminal.print(`  ${line}`);
    }
    terminal.print(difference.isSame ? 'the same numbers, bit for bit' : 'the runs differ');
  }
  process.exitCode = exitCodes[difference.isSame ? 'same' : 'differs'];
}
