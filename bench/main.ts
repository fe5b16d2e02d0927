/** npm run bench -- NAME [options]: see each benchmark's file. */
import { benchLearn } from './learn/main.js';
import { benchDamaged } from './data/damaged.js';
import { benchFuzz } from './fuzz/main.js';
import { benchModels } from './models/main.js';
import { benchReproduce } from './reproduce/main.js';
import { benchStep } from './step/main.js';
import { benchSurvive } from './survive/main.js';
import { benchTorch } from './torch/main.js';
import { benchWeb } from './web/main.js';

const benchmarks: Record<string, (args: string[]) => Promise<void>> = {
  learn: benchLearn,
  damaged: benchDamaged,
  fuzz: benchFuzz,
  models: benchModels,
  reproduce: benchReproduce,
  step: benchStep,
  survive: benchSurvive,
  torch: benchTorch,
  web: benchWeb,
};

const [name = '', ...args] = process.argv.slice(2);
const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
if (!benchmark) {
  console.error(`usage: npm run bench -- ${Object.keys(benchmarks).join('|')} [options]`);
  process.exit(2);
}
try {
  await benchmark(args);
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exit(1);
}
