/**
 * npm run bench -- onnx-tests [--folder /usr/share/libonnx-testdata] [--only Resize,Pad] [--verbose]
 *
 * The ONNX project's own tests of operators (Debian's libonnx-testdata) through the importer: nodes brought to opset 18, computed when the graph is built
 * or written by the table, and run by ONNX Runtime. Prints passed / of / left out, and why, an operator a row. Exit code 1 where a value is
 * wrong.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Outcome } from './run-test.js';
import { runTest } from './run-test.js';

interface Row {
  passed: number;
  wrong: string[];
  /** Tests by the reason that they were left out for. */
  left: Map<string, number>;
}

/** What is the same in many messages: no names, no numbers. */
const kindOf = (reason: string): string =>
  reason
    .replace(/^node [^:]*: /, '')
    .replace(/\([^)]*\) at [^:]*: /, ': ')
    .slice(0, 90);

function note(rows: Map<string, Row>, { operator, ...outcome }: Outcome, test: string): void {
  const row = rows.get(operator) ?? { passed: 0, wrong: [], left: new Map<string, number>() };
  rows.set(operator, row);
  if (outcome.kind === 'passed') row.passed++;
  else if (outcome.kind === 'wrong') row.wrong.push(`${test}: ${outcome.reason}`);
  else row.left.set(kindOf(outcome.reason), (row.left.get(kindOf(outcome.reason)) ?? 0) + 1);
}

export async function benchOnnxTests(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      folder: { type: 'string', default: '/usr/share/libonnx-testdata' },
      only: { type: 'string', default: '' },
    },
  });
  const wanted = values.only.split(',').filter(Boolean);
  const nodes = path.join(values.folder, 'data', 'node');
  const names = (await readdir(nodes)).sort();
  const rows = new Map<string, Row>();
  for (const name of names) {
    const outcome = await runTest(path.join(nodes, name), wanted);
    if (outcome) note(rows, outcome, name);
  }
  console.log('| operator | passed | of | left out |');
  console.log('|---|---:|---:|---|');
  let [passed, of] = [0, 0];
  const wrong: string[] = [];
  for (const [operator, row] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const left = [...row.left.values()].reduce((a, b) => a + b, 0);
    const total = row.passed + row.wrong.length + left;
    const why = [...row.left].map(([reason, count]) => `${count}: ${reason}`).join('; ');
    console.log(`| ${operator} | ${row.passed} | ${total} | ${why.replaceAll('|', '\\|')} |`);
    passed += row.passed;
    of += total;
    wrong.push(...row.wrong);
  }
  console.log(`\n${passed} of ${of} passed, ${wrong.length} wrong, ${of - passed - wrong.length} left out`);
  if (wrong.length > 0) throw new Error(`wrong values:\n${wrong.join('\n')}`);
}
