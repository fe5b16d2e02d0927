/**
 * npm run bench -- torch [--models a,b,...|all] [--python /usr/bin/python3] [--journey]
 *
 * With --journey, of resnet50: trained in PyTorch under wrappers of many kinds, brought here, trained further, exported and run
 * by ten lines; each cosine has to be 1.000000.
 *
 * Weights to and fro: files that PyTorch wrote are loaded and embed images as PyTorch does, and what `dws export` writes does
 * so in PyTorch, by a strict `load_state_dict`. The smallest cosine of each (see `smallestCosine`); exit code 1 when one is not
 * above the bound.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { backbones, findBackbone } from '../../src/graph/models/index.js';
import type { Result } from './check-model.js';
import { checkModel, columns, leastCosine } from './check-model.js';
import { journey } from './journey.js';
import { torchVersions } from './python.js';

/** One of each family. */
const defaultModels = ['alexnet', 'densenet121', 'inception_v3', 'resnet18', 'squeezenet1_1', 'vgg11_bn'];

/** Small images, but large enough for every layer to see more than one pixel. */
const sizes: Record<string, number> = { inception_v3: 128 };
const defaultSize = 96;

const width = Math.max(...columns.map((column) => column.length));
const line = (model: string, size: string, cells: readonly string[], seconds: string): string =>
  [model.padEnd(14), size.padStart(4), ...cells.map((cell) => cell.padStart(width)), seconds.padStart(6)].join('  ');

interface Report {
  cells: string[];
  problems: string[];
}

const report = (results: readonly Result[]): Report => ({
  cells: results.map(({ cosine, problem }) => (problem === undefined ? cosine.toFixed(7) : 'FAILED')),
  problems: results.flatMap(({ column, problem }) => (problem === undefined ? [] : [`${column}: ${problem}`])),
});

const failure = (error: Error): Report => ({ cells: columns.map(() => 'FAILED'), problems: [error.message] });

export async function benchTorch(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      models: { type: 'string', default: defaultModels.join(',') },
      python: { type: 'string', default: '/usr/bin/python3' },
      journey: { type: 'boolean', default: false },
    },
  });
  const device = { device: 'cpu', deviceId: 0, threads: availableParallelism() } as const;
  if (values.journey) {
    console.log(await torchVersions(values.python));
    return journey({ model: 'resnet50', imageSize: 64, featDim: 512, embedDim: 128 }, values.python, device);
  }
  const models = values.models === 'all' ? Object.keys(backbones) : values.models.split(',');
  models.forEach(findBackbone);
  console.log(`${await torchVersions(values.python)}; smallest cosine of 4 images, to be above ${leastCosine}`);
  console.log(line('model', 'px', columns, 's'));
  for (const model of models) {
    const network = { model, imageSize: sizes[model] ?? defaultSize, featDim: 512, embedDim: 128 };
    const start = performance.now();
    const { cells, problems } = await checkModel(network, values.python, device).then(report, failure);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(line(model, String(network.imageSize), cells, seconds));
    for (const problem of problems) console.log(`  ${problem.replaceAll('\n', '\n    ')}`);
    if (problems.length > 0) process.exitCode = 1;
  }
}
