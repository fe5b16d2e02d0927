/**
 * node build/bench/gpu/main.js [--device cuda] [--golden DIR] [--peer FILE] [--python PYTHON] [--models resnet18,resnet50] [--batch 80] [--size 224]
 *   [--steps 20] [--loop-steps 50] [--out FILE]
 *
 * Everything that only a GPU can show, in one JSON file (`result.ts`); bench/gpu.sh runs it. A part that fails says so in the file and the
 * others go on, with exit code 1 at the end; no new part starts after `budgetSeconds`, and what runs in a process of its own is ended
 * after `longestSeconds`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Provider } from '../../src/graph/options.js';
import { checkGolden } from '../parity/file.js';
import { time, timeOurs } from '../step/main.js';
import { benchOptions } from '../training.js';
import { runLoop } from './loop.js';
import { checkPlans } from './check-plans.js';
import type { Plan } from './plans.js';
import type { GpuResult } from './result.js';
import { peerSettings } from './result.js';

const budgetSeconds = 420;
const longestSeconds = 470;
/** Of the convolutions, so that time is left for the other parts. */
const planSeconds = 150;
const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda' },
    golden: { type: 'string', default: 'test/golden' },
    peer: { type: 'string', default: '../shared/peer/torch_step.py' },
    python: { type: 'string', default: 'python3' },
    models: { type: 'string', default: 'resnet18,resnet50' },
    batch: { type: 'string', default: '80' },
    size: { type: 'string', default: '224' },
    steps: { type: 'string', default: '20' },
    'loop-steps': { type: 'string', default: '50' },
    out: { type: 'string', default: 'bench/results/gpu.json' },
  },
});
const device = values.device as Provider;
const threads = availableParallelism();
const started = performance.now();
const elapsed = () => (performance.now() - started) / 1000;
const [batch, size] = [Number(values.batch), Number(values.size)];
const notRun = { error: 'not run' };
const result: GpuResult = {
  ...{ device, threads, node: process.version, gpu: query('name,driver_version,memory.total'), batch, size },
  ...{ plans: notRun, parity: {}, loop: notRun, steps: {}, failures: [], seconds: 0 },
};

function query(fields: string): string {
  try {
    return execFileSync('nvidia-smi', [`--query-gpu=${fields}`, '--format=csv,noheader'], { encoding: 'utf8' }).trim();
  } catch {
    return 'nvidia-smi gave no answer';
  }
}

/** The largest memory.used of the first GPU, in MiB, while `body` runs; null without nvidia-smi. */
async function withGpuMemory<T extends object>(body: () => Promise<T>): Promise<T & { gpu_peak_mib: number | null }> {
  const samples: number[] = [];
  const watcher = spawn('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '-lms', '200']);
  watcher.on('error', () => samples.splice(0));
  watcher.stdout.on('data', (text: Buffer) => samples.push(Number.parseInt(text.toString(), 10)));
  try {
    const timing = await body();
    return { ...timing, gpu_peak_mib: samples.length ? Math.max(...samples.filter(Number.isFinite)) : null };
  } finally {
    // One that was not found has no process: killing it ends the group of this one.
    if (watcher.pid) watcher.kill();
  }
}

/** Runs a part, of which `keep` takes the result or what went wrong. @param failure of a result: what is wrong with it, if anything */
async function part<T extends object>(
  name: string,
  body: () => Promise<T>,
  keep: (made: T | { error: string }) => void,
  failure: (made: T) => string | undefined = () => undefined,
): Promise<void> {
  const begin = elapsed();
  let wrong: string | undefined;
  try {
    if (begin > budgetSeconds) throw new Error(`not started: ${budgetSeconds} s were over`);
    const made = await body();
    wrong = failure(made);
    keep(made);
  } catch (error) {
    wrong = (error as Error).message;
    keep({ error: wrong });
  }
  if (wrong !== undefined) result.failures.push(name);
  result.seconds = Math.round(elapsed());
  console.log(`${name}: ${(elapsed() - begin).toFixed(1)} s${wrong === undefined ? '' : `, FAILED: ${wrong}`}`);
  writeFileSync(values.out, `${JSON.stringify(result, null, 1)}\n`);
}

function showPlan({ layer, layers, product, x, operators, ms, error }: Plan): void {
  const what = `${product.padEnd(15)} [${x.join(', ')}] ${operators.join(', ')}`;
  const how = ms === undefined ? `FAILED: ${error}` : `${ms.toFixed(3)} ms`;
  console.log(`  ${layer} (${layers}): ${what}: ${how}`);
}

// 1. Whether cuDNN has a plan for every convolution, with TF32 as it would be used.
await part(
  'plans',
  async () => {
    const sizes = { imageSize: size, batchSize: batch, batchK: 5, classes: 20 };
    const training = benchOptions({ model: 'resnet50', optimizer: 'sgd', provider: 'cuda', ...sizes });
    const products = await checkPlans(training, { device, deviceId: 0, threads }, planSeconds, showPlan);
    return { failed: products.filter(({ error }) => error !== undefined).length, products };
  },
  (made) => (result.plans = made),
  ({ failed, products }) => (failed > 0 ? `${failed} of ${products.length} products` : undefined),
);

// 2. Parity, with TF32 off (bench/gpu.sh sets NVIDIA_TF32_OVERRIDE=0 for this process).
for (const file of readdirSync(values.golden).filter((name) =>
  /^(loss|optim|train|model-resnet\w+)\.json$/.test(name),
)) {
  await part(
    `parity ${file}`,
    async () => {
      const golden: unknown = JSON.parse(readFileSync(path.join(values.golden, file), 'utf8'));
      const checks = await checkGolden(golden, { device, deviceId: 0, threads });
      const groups = [...new Set(checks.map(({ group }) => group))].map((group) => {
        const members = checks.filter((check) => check.group === group);
        const worst = members.reduce((a, b) => (b.ratio > a.ratio ? b : a));
        return { group, checked: members.length, worst: worst.what, ratio: worst.ratio };
      });
      return { groups, above: groups.filter(({ ratio }) => !(ratio <= 1)).length };
    },
    (made) => (result.parity[file] = made),
    ({ above }) => (above > 0 ? `${above} groups of reference values are missed` : undefined),
  );
}

// 3. The loop beside the CPU's losses, and who ran its nodes.
await part(
  'loop',
  async () => {
    const steps = Number(values['loop-steps']);
    const there = await runLoop(device, threads, steps, 64);
    const cpu = await runLoop('cpu', threads, steps, 64);
    const differences = there.losses.map((loss, i) => Math.abs(loss - cpu.losses[i]!) / Math.abs(cpu.losses[i]!));
    return {
      losses: there.losses,
      cpu_losses: cpu.losses,
      largest_relative_difference: { first_10: Math.max(...differences.slice(0, 10)), all: Math.max(...differences) },
      nodes: Object.fromEntries(Object.entries(there.providers).map(([provider, nodes]) => [provider, nodes.length])),
      left_to_cpu: device === 'cpu' ? [] : (there.providers['CPUExecutionProvider'] ?? []),
      copies: Object.values(there.providers)
        .flat()
        .filter(({ op }) => op.startsWith('Memcpy')).length,
    };
  },
  (made) => (result.loop = made),
);

// 4. Steps beside PyTorch's, each tool with TF32 as it would be used.
delete process.env['NVIDIA_TF32_OVERRIDE'];
for (const model of values.models.split(',')) {
  const common = ['--model', model, '--batch', values.batch, '--size', values.size, '--device', device];
  const args = [...common, '--steps', values.steps];
  const timings: GpuResult['steps'][string] = (result.steps[model] = {});
  const left = () => Math.round(1000 * Math.max(1, longestSeconds - elapsed()));
  const step = (tool: string, run: () => ReturnType<typeof time>) =>
    part(
      `step ${model} ${tool}`,
      () => withGpuMemory(run),
      (made) => (timings[tool] = made),
    );
  await step('dws', () => timeOurs(args, {}, left()));
  for (const [name, flags] of Object.entries(peerSettings))
    await step(name, () => {
      if (!existsSync(values.peer)) throw new Error(`there is no ${values.peer}`);
      return time(values.python, [values.peer, ...args, ...flags], {}, left());
    });
}
console.log(`wrote ${values.out} after ${elapsed().toFixed(0)} s`);
if (result.failures.length > 0) {
  console.error(`failed: ${result.failures.join(', ')}`);
  process.exitCode = 1;
}
