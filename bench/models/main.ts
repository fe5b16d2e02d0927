/**
 * npm run bench -- models [--models a,b,...] [--batch 10] [--rounds 1] [--steps 3] [--threads N] [--json | --markdown]
 *
 * Each backbone at its own image size: what its training loop is made of, whether its export runs, and its step beside
 * PyTorch's. A line a model as it is measured; exit code 1 when one fails.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { backbones, findBackbone } from '../../src/graph/models/index.js';
import { requireTrainingOptions } from '../../src/runner/options/rules.js';
import { benchOptions } from '../training.js';
import { measureModel } from './measure.js';
import type { Row, TableFormat } from './table.js';
import { tableFormats } from './table.js';

const peerScript = fileURLToPath(new URL('../../../shared/peer/torch_step.py', import.meta.url));
const batchK = 5;

export async function benchModels(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      models: { type: 'string', default: Object.keys(backbones).join(',') },
      batch: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '1' },
      steps: { type: 'string', default: '3' },
      threads: { type: 'string', default: String(availableParallelism()) },
      peer: { type: 'string', default: peerScript },
      python: { type: 'string', default: '/usr/bin/python3' },
      json: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
    },
  });
  const { peer, python } = values;
  if (!existsSync(peer)) {
    throw new Error(
      `there is no PyTorch step at ${peer}; name one with --peer FILE (it prints step_s and peak_mib as JSON)`,
    );
  }
  const [rounds, steps, threads, batchSize] = [values.rounds, values.steps, values.threads, values.batch].map(
    Number,
  ) as [number, number, number, number];
  const trainings = values.models.split(',').map((model) => {
    const { imageSize } = findBackbone(model);
    const classes = Math.ceil(batchSize / batchK);
    return benchOptions({ model, imageSize, batchSize, batchK, classes, optimizer: 'sgd', provider: 'cpu' });
  });
  trainings.forEach((options) => requireTrainingOptions(options));

  const table: TableFormat = tableFormats[values.json ? 'json' : values.markdown ? 'markdown' : 'text'];
  for (const line of table.header) console.log(line);
  for (const training of trainings) {
    const row: Row = await measureModel(training, { rounds, steps, threads, python, peer }).catch((error: Error) => ({
      model: training.model,
      error: error.message,
    }));
    console.log(table.line(row));
    if ('error' in row) {
      console.error(`${row.model}: ${row.error}`);
      process.exitCode = 1;
    }
  }
}
