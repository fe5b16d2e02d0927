/**
 * npm run bench -- imported FILE[#TENSOR] ... [--size 64] [--data data/icons] [--steps 50]
 *
 * ONNX files that nobody here has made: features of the importer's graph beside those that ONNX Runtime computes by the file itself, and a training of
 * all that learns. TENSOR is what features are taken from; the first output unless given. Exit code 1 where features are more than 1e-5 of
 * their largest value apart, or the loss does not fall. Wants the icons of the quick start. Prints Markdown.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { train } from '../../src/runner/jobs/train.js';
import { readMetrics } from '../../src/runner/training/metrics-file.js';
import { featuresApart } from './features.js';

interface Case {
  file: string;
  tensor: string;
  size: number;
  data: string;
  steps: number;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

/** Means of the first and the last fifth of the losses. */
async function lossesOf({ file, tensor, size, data, steps }: Case): Promise<[first: number, last: number]> {
  const out = await mkdtemp(path.join(tmpdir(), 'dws-imported-'));
  try {
    await train({
      ...{ dataPath: data, out, modules: { backbone: { path: file } }, backboneOptions: { features: tensor } },
      ...{ imageSize: size, batchSize: 40, batchK: 5, optimizer: 'adam', lr: 3e-4, steps: [] },
      ...{ epochs: 1, batchNum: steps, evalEvery: 0 },
    });
    const lines = await readMetrics(path.join(out, 'metrics.jsonl'));
    const losses = lines.flatMap((line) => (line.kind === 'step' ? [line.loss!] : []));
    const fifth = Math.max(1, Math.floor(losses.length / 5));
    return [mean(losses.slice(0, fifth)), mean(losses.slice(-fifth))];
  } finally {
    await rm(out, { recursive: true });
  }
}

async function compare(one: Case): Promise<string[]> {
  const name = `${path.basename(one.file)} ${one.tensor}`;
  const { apart, width, params } = await featuresApart(one.file, one.tensor, one.size);
  const [first, last] = await lossesOf(one);
  const cells = [name, width, params.toLocaleString('en'), apart.toExponential(1), first.toFixed(4), last.toFixed(4)];
  console.log(`| ${cells.join(' | ')} |`);
  return [
    ...(apart <= 1e-5 ? [] : [`${name}: features are ${apart.toExponential(1)} apart`]),
    ...(last < first ? [] : [`${name}: the loss does not fall`]),
  ];
}

export async function benchImported(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      size: { type: 'string', default: '64' },
      data: { type: 'string', default: 'data/icons' },
      steps: { type: 'string', default: '50' },
    },
  });
  const { data } = values;
  const common = { data, size: Number(values.size), steps: Number(values.steps) };
  console.log(`${common.size} px, batch 40, ${common.steps} steps of Adam at 3e-4\n`);
  console.log('| file, tensor | features | parameters | features apart | first losses | last losses |');
  console.log('|---|---:|---:|---:|---:|---:|');
  const problems: string[] = [];
  for (const positional of positionals) {
    const [file, tensor = ''] = positional.split('#') as [string, string?];
    problems.push(...(await compare({ file, tensor, ...common })));
  }
  if (problems.length > 0) throw new Error(problems.join('; '));
}
