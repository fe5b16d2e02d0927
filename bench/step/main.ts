/**
 * npm run bench -- step --model resnet50 --batch 20 --size 224 [--rounds 2] [--steps 3] [--threads N] [--device cpu|cuda] [--json]
 *
 * Our step and PyTorch's in turn, each in processes of its own; ratios are taken round by round, because a shared machine's
 * speed drifts.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const execute = promisify(execFile);

export interface Timing {
  step_s: number;
  min_s: number;
  max_s: number;
  images_per_s: number;
  peak_mib: number;
  [key: string]: unknown;
}

const peerScript = fileURLToPath(new URL('../../../shared/peer/torch_step.py', import.meta.url));

/** Runs a sibling of this file: through tsx from source, as it is when built. */
const fromSource = import.meta.url.endsWith('.ts');
const loader = fromSource ? ['--import', import.meta.resolve('tsx')] : [];
const ours = fileURLToPath(new URL(fromSource ? 'ours.ts' : 'ours.js', import.meta.url));

export const timeOurs = (args: string[], env?: NodeJS.ProcessEnv, timeout?: number): Promise<Timing> =>
  time(process.execPath, [...loader, ours, ...args], env, timeout);

/** @param timeout milliseconds after which the process is ended; none unless given */
export async function time(command: string, args: string[], env: NodeJS.ProcessEnv = {}, timeout = 0): Promise<Timing> {
  const { stdout } = await execute(command, args, { maxBuffer: 1 << 24, env: { ...process.env, ...env }, timeout });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Timing;
}

export const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

export async function benchStep(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'resnet50' },
      batch: { type: 'string', default: '20' },
      size: { type: 'string', default: '224' },
      rounds: { type: 'string', default: '2' },
      steps: { type: 'string', default: '3' },
      threads: { type: 'string', default: String(availableParallelism()) },
      device: { type: 'string', default: 'cpu' },
      peer: { type: 'string', default: peerScript },
      python: { type: 'string', default: '/usr/bin/python3' },
      json: { type: 'boolean', default: false },
    },
  });
  const { model, batch, size, steps, threads, device, peer, python } = values;
  const common = Object.entries({ model, batch, size, steps, threads, device }).flatMap(([name, v]) => [
    `--${name}`,
    v,
  ]);
  if (!existsSync(peer)) {
    throw new Error(
      `there is no PyTorch step at ${peer}; name one with --peer FILE (it prints step_s and peak_mib as JSON)`,
    );
  }
  const rounds: { ours: Timing; peer: Timing }[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const mine = await timeOurs(common);
    rounds.push({ ours: mine, peer: await time(python, [peer, ...common]) });
  }
  const result = {
    model,
    batch: Number(batch),
    size: Number(size),
    device,
    threads: Number(threads),
    step_ratio: median(rounds.map((r) => r.ours.step_s / r.peer.step_s)),
    memory_ratio: median(rounds.map((r) => r.ours.peak_mib / r.peer.peak_mib)),
    rounds,
  };
  if (values.json) {
    console.log(JSON.stringify(result));
    return;
  }
  console.log(`${model}, batch ${batch}, ${size} px, ${device}, ${threads} threads`);
  const line = (name: string, t: Timing) =>
    `  ${name.padEnd(8)} ${t.step_s.toFixed(3)} s a step (${t.min_s.toFixed(3)} to ${t.max_s.toFixed(3)}), ${t.images_per_s.toFixed(1)} images/s, peak ${t.peak_mib} MiB`;
  for (const round of rounds) console.log([line('dws', round.ours), line('PyTorch', round.peer)].join('\n'));
  console.log(`  ratio    ${result.step_ratio.toFixed(2)} x the time, ${result.memory_ratio.toFixed(2)} x the memory`);
}
