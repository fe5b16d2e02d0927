/** npm run bench -- NAME [options]: see each benchmark's file. */

type Benchmark = (args: string[]) => Promise<void>;

/** Loaded when it is run: what the others import would be measured as well. */
const benchmarks: Record<string, () => Promise<Benchmark>> = {
  learn: async () => (await import('./learn/main.js')).benchLearn,
  cuda: async () => (await import('./cuda/main.js')).benchCuda,
  'cuda-paper': async () => (await import('./cuda/paper.js')).benchCudaPaper,
  damaged: async () => (await import('./data/damaged.js')).benchDamaged,
  engines: async () => (await import('./engines/main.js')).benchEngines,
  fuzz: async () => (await import('./fuzz/main.js')).benchFuzz,
  imported: async () => (await import('./imported/main.js')).benchImported,
  install: async () => (await import('./install/main.js')).benchInstall,
  many: async () => (await import('./many/main.js')).benchMany,
  'micro-batches': async () => (await import('./micro-batches/main.js')).benchMicroBatches,
  models: async () => (await import('./models/main.js')).benchModels,
  modules: async () => (await import('./modules/main.js')).benchModules,
  'onnx-tests': async () => (await import('./onnx-tests/main.js')).benchOnnxTests,
  pack: async () => (await import('./pack/main.js')).benchPack,
  precision: async () => (await import('./precision/main.js')).benchPrecision,
  reproduce: async () => (await import('./reproduce/main.js')).benchReproduce,
  step: async () => (await import('./step/main.js')).benchStep,
  survive: async () => (await import('./survive/main.js')).benchSurvive,
  tests: async () => (await import('./tests.js')).benchTests,
  torch: async () => (await import('./torch/main.js')).benchTorch,
  web: async () => (await import('./web/main.js')).benchWeb,
};

const [name = '', ...args] = process.argv.slice(2);
const load = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
if (!load) {
  console.error(`usage: npm run bench -- ${Object.keys(benchmarks).join('|')} [options]`);
  process.exit(2);
}
try {
  const benchmark = await load();
  await benchmark(args);
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exit(1);
}
