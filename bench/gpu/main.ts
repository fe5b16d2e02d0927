/**
 * node build/bench/gpu/main.js [--device cuda] [--golden DIR] [--peer FILE] [--python PYTHON] [--batch 80] [--size 224] [--out FILE]
 *
 * Everything that only a GPU can show, in one JSON file; bench/gpu.sh runs it. A part that fails says so in the file and the
 * others go on, with exit code 1 at the end; no new part starts after `budgetSeconds`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Provider } from '../../src/graph/options.js';
import { checkGolden } from '../parity/file.js';
import { time, timeOurs } from '../step/main.js';
import { runLoop } from './loop.js';

const budgetSeconds = 420;
const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda' },
    golden: { type: 'string', default: 'test/golden' },
    peer: { type: 'string', default: '../shared/peer/torch_step.py' },
    python: { type: 'string', default: 'python3' },
    batch: { type: 'string', default: '80' },
    size: { type: 'string', default: '224' },
    'loop-steps': { type: 'string', default: '50' },
    out: { type: 'string', default: 'bench/results/gpu.json' },
  },
});
const device = values.device as Provider;
const threads = availableParallelism();
const started = performance.now();
const elapsed = () => (performance.now() - started) / 1000;
const result: Record<string, unknown> = {
  device,
  threads,
  node: process.version,
  gpu: query('name,driver_version,memory.total'),
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
    watcher.kill();
  }
}

/** Names of parts that failed. */
const failures: string[] = [];

async function part(name: string, body: () => Promise<unknown>): Promise<void> {
  const begin = elapsed();
  if (begin > budgetSeconds) {
    result[name] = { error: `not started: ${budgetSeconds} s were over` };
  } else {
    try {
      result[name] = await body();
    } catch (error) {
      result[name] = { error: (error as Error).message };
    }
  }
  const { error, above = 0 } = result[name] as { error?: string; above?: number };
  const failure = error ?? (above > 0 ? `${above} groups of reference values are missed` : undefined);
  if (failure !== undefined) failures.push(name);
  console.log(`${name}: ${(elapsed() - begin).toFixed(1)} s${failure ? `, FAILED: ${failure}` : ''}`);
  writeFileSync(values.out, `${JSON.stringify({ ...result, seconds: Math.round(elapsed()) }, null, 1)}\n`);
}

// 1. Parity, with TF32 off (bench/gpu.sh sets NVIDIA_TF32_OVERRIDE=0 for this process).
for (const file of readdirSync(values.golden).filter((name) =>
  /^(loss|optim|train|model-resnet\w+)\.json$/.test(name),
)) {
  await part(`parity ${file}`, async () => {
    const golden: unknown = JSON.parse(readFileSync(path.join(values.golden, file), 'utf8'));
    const checks = await checkGolden(golden, { device, deviceId: 0, threads });
    const groups = [...new Set(checks.map(({ group }) => group))].map((group) => {
      const members = checks.filter((check) => check.group === group);
      const worst = members.reduce((a, b) => (b.ratio > a.ratio ? b : a));
      return { group, checked: members.length, worst: worst.what, ratio: worst.ratio };
    });
    return { groups, above: groups.filter(({ ratio }) => ratio > 1).length };
  });
}

// 2. The loop beside the CPU's losses, and 3. who ran its nodes.
await part('loop', async () => {
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
});

// 4. Steps beside PyTorch's, each tool with TF32 as it would be used.
delete process.env['NVIDIA_TF32_OVERRIDE'];
for (const model of ['resnet18', 'resnet50']) {
  const common = ['--model', model, '--batch', values.batch, '--size', values.size, '--device', device];
  await part(`step ${model} dws`, () => withGpuMemory(() => timeOurs([...common, '--steps', '20'])));
  const peers = { tf32: ['--tf32'], 'amp channels-last': ['--tf32', '--amp', '--channels-last'] };
  for (const [name, flags] of Object.entries(peers)) {
    await part(`step ${model} PyTorch ${name}`, async () => {
      if (!existsSync(values.peer)) throw new Error(`there is no ${values.peer}`);
      return withGpuMemory(() => time(values.python, [values.peer, ...common, ...flags, '--steps', '20']));
    });
  }
}
console.log(`wrote ${values.out} after ${elapsed().toFixed(0)} s`);
if (failures.length > 0) {
  console.error(`failed: ${failures.join(', ')}`);
  process.exitCode = 1;
}
