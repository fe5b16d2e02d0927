/** Writes docs/operators.md from the table of operators: npm run docs:operators */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { operatorNames } from '../src/graph/onnx/names.js';
import { opset } from '../src/graph/onnx/version.js';
import { operators } from '../src/graph/operators/index.js';
import type { Operator } from '../src/graph/operators/operator.js';

const page = fileURLToPath(new URL('../docs/operators.md', import.meta.url));
const [begin, end] = ['<!-- table: npm run docs:operators -->', '<!-- end of the table -->'];

const inputsOf = ({ inputs: [least, most] }: Operator): string =>
  least === most ? `${least}` : most === Infinity ? `${least} or more` : `${least} to ${most}`;

const attributesOf = ({ attributes }: Operator): string =>
  Object.entries(attributes)
    .map(([name, type]) => `\`${name}\` ${type}`)
    .join(', ');

function gradientOf({ gradient }: Operator): string {
  if (typeof gradient === 'function') return 'rule';
  return 'zero' in gradient ? `zero: ${gradient.zero}` : `**none**: ${gradient.none}`;
}

function table(): string {
  const link = (name: string) => `[${name}](https://onnx.ai/onnx/operators/onnx__${name}.html)`;
  const rows = operatorNames.map((name) => {
    const row = operators[name];
    return `| ${link(name)} | ${inputsOf(row)} | ${attributesOf(row)} | ${gradientOf(row)} |`;
  });
  const counts = [
    operatorNames.filter((name) => typeof operators[name].gradient === 'function').length,
    operatorNames.filter((name) => 'zero' in operators[name].gradient).length,
    operatorNames.filter((name) => 'none' in operators[name].gradient).length,
  ];
  return [
    `${operatorNames.length} operators of ONNX opset ${opset}: ${counts[0]} with a rule, ${counts[1]} whose gradient is zero, ${counts[2]} without one.`,
    '',
    '| operator | inputs | attributes | gradient |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** The page as it is, and as it should be. @throws Error when the page has lost the comments around its table */
export function operatorsPage(): { found: string; wanted: string } {
  const found = readFileSync(page, 'utf8');
  const [from, to] = [found.indexOf(begin), found.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page}: the table stands between ${begin} and ${end}`);
  return { found, wanted: `${found.slice(0, from)}${begin}\n\n${table()}\n\n${found.slice(to)}` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, operatorsPage().wanted);
