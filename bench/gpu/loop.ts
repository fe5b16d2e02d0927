/** One process of the GPU check: the training loop on a device, its losses, and which nodes ran on which provider. */
import * as ort from 'onnxruntime-node';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildTrainLoop } from '../../src/graph/artifacts/artifacts.js';
import type { Provider } from '../../src/graph/options.js';
import { Philox } from '../../src/graph/state/philox.js';
import { openSession } from '../../src/runner/compute/session.js';
import { benchOptions, initialFeeds } from '../training.js';

export interface LoopRun {
  losses: number[];
  /** Nodes by execution provider, as ONNX Runtime's profile names them; the Loop itself and copies included. */
  providers: Record<string, { name: string; op: string }[]>;
}

interface ProfileEvent {
  cat: string;
  name: string;
  args: { op_name?: string; provider?: string };
}

function providersOf(profile: string): LoopRun['providers'] {
  const events = JSON.parse(readFileSync(profile, 'utf8')) as ProfileEvent[];
  const nodes = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'));
  const byProvider: Record<string, Map<string, { name: string; op: string }>> = {};
  for (const { name, args } of nodes) {
    const node = name.replace(/_kernel_time$/, '');
    (byProvider[args.provider ?? 'unknown'] ??= new Map()).set(node, { name: node, op: args.op_name ?? '' });
  }
  return Object.fromEntries(Object.entries(byProvider).map(([provider, found]) => [provider, [...found.values()]]));
}

/** resnet18 on made-up images, SGD; the same data and start on every device. */
export async function runLoop(device: Provider, threads: number, steps: number, imageSize: number): Promise<LoopRun> {
  const [batchSize, batchK, classes, stepsPerRun] = [20, 5, 16, 5];
  const options = benchOptions({
    ...{ model: 'resnet18', imageSize, batchSize, batchK, classes },
    optimizer: 'sgd',
    provider: device,
  });
  let state: Record<string, ort.Tensor> = Object.fromEntries(
    Object.entries(initialFeeds(options)).map(([name, { data, dims }]) => [name, new ort.Tensor(data, dims)]),
  );
  const folder = mkdtempSync(path.join(tmpdir(), 'dws-profile-'));
  const session = await openSession(
    buildTrainLoop(options),
    { device, deviceId: 0, threads },
    { enableProfiling: true, profileFilePrefix: path.join(folder, 'profile') },
  );
  const losses: number[] = [];
  for (let run = 0; losses.length < steps; run++) {
    const random = new Philox(run, 'images');
    const count = stepsPerRun * batchSize;
    const bytes = Uint8Array.from({ length: count * imageSize * imageSize * 3 }, () => random.uint32() & 255);
    const labels = Int32Array.from(
      { length: count },
      (_, i) => (3 * run + Math.floor((i % batchSize) / batchK)) % classes,
    );
    const out = await session.run({
      ...state,
      images: new ort.Tensor('uint8', bytes, [stepsPerRun, batchSize, imageSize, imageSize, 3]),
      labels: new ort.Tensor('int32', labels, [stepsPerRun, batchSize]),
      uniforms: new ort.Tensor('float32', random.fillUnit(new Float32Array(count * (batchK - 1))), [
        stepsPerRun,
        batchSize,
        batchK - 1,
      ]),
      lr: new ort.Tensor('float32', new Float32Array(stepsPerRun).fill(1e-3), [stepsPerRun]),
      lr_beta: new ort.Tensor('float32', new Float32Array(stepsPerRun).fill(0.1), [stepsPerRun]),
    });
    state = Object.fromEntries(Object.keys(state).map((name) => [name, out[`${name}_out`]! as ort.Tensor]));
    losses.push(...(out['losses']!.data as Float32Array));
  }
  session.endProfiling();
  await session.release();
  const profile = readdirSync(folder).find((name) => name.startsWith('profile'))!;
  const providers = providersOf(path.join(folder, profile));
  rmSync(folder, { recursive: true });
  return { losses, providers };
}
