/**
 * npm run bench -- cuda --lacks
 *
 * What a training on CUDA says of a machine that lacks something: each on the pretend device, by the built program, in a copy of what it
 * needs in which onnxruntime-node has the CUDA provider. One line, exit code 1, no stack; and where steps had been taken, whole
 * checkpoints, from which a resumed training goes on.
 */
import { cp, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { noteFile } from '../../src/runner/compute/provider-note.js';
import { providerFile } from '../../src/runner/cuda/provider.js';
import type { Ended } from '../survive/small-run.js';
import { newestStep, runSmall, writeNoise } from '../survive/small-run.js';
import { installed, native } from './installed.js';
import { setUpPretendDevice } from './setup.js';

interface Case {
  lacks: string;
  env?: Readonly<Record<string, string>>;
  more?: readonly string[];
  /** Libraries of the device that are not there. */
  without?: RegExp;
  /** Of the provider. */
  version?: string;
  says: RegExp;
  /** Steps of the newest checkpoint afterwards. Default: there is none */
  step?: number;
}

/** A step of the small training launches some 600 kernels, so that this is after its 500th. */
const launches = 330_000;

const cases: readonly Case[] = [
  { lacks: 'a GPU', env: { PRETEND_CUDA_DEVICES: '0' }, says: /no CUDA device that can be used/ },
  { lacks: 'device 7', more: ['--gpus', '7'], says: /device 7\): there is no such device/ },
  { lacks: 'cuDNN', without: /cudnn/, says: /cuDNN is not found/ },
  { lacks: "the provider's CUDA", without: /cudart|cublas/, says: /lib\w+\.so\.13 is not found/ },
  { lacks: "a provider of onnxruntime-node's version", version: '1.28.0', says: /is of ONNX Runtime 1\.28\.0, and/ },
  { lacks: 'memory for the first step', env: { PRETEND_CUDA_BYTES: '10000000' }, says: /not enough memory/ },
  {
    lacks: 'memory after 500 steps',
    env: { PRETEND_CUDA_LAUNCHES: String(launches) },
    says: /not enough memory/,
    step: 500,
  },
];

const steps = ['--device', 'cuda', '--epochs', '1', '--batch-num', '1000', '--checkpoint-every', '100'];

function requireOneLine({ code, text }: Ended, says: RegExp): string {
  const line = /^dws: .*/m.exec(text)?.[0] ?? '';
  if (code === 1 && says.test(line) && !/^\s+at /m.test(text)) return line;
  throw new Error(`ended with ${code}, and not as it should:\n${text}`);
}

export async function playLacks(): Promise<void> {
  const device = await setUpPretendDevice();
  const folder = await mkdtemp(path.join(tmpdir(), 'dws-lacks-'));
  try {
    const data = path.join(folder, 'data');
    await writeNoise(data);
    const program = await installed(path.join(folder, 'installed'), device.onnxruntime);
    const binding = path.join(folder, 'installed/node_modules/onnxruntime-node', native);
    for (const { lacks, env = {}, more = [], without, version, says, step = 0 } of cases) {
      const libraries = path.join(folder, 'libraries');
      await cp(device.libraries, libraries, { recursive: true, filter: (name) => !without?.test(path.basename(name)) });
      const note = path.join(binding, noteFile);
      const { size: bytes } = await stat(path.join(binding, providerFile));
      if (version !== undefined) await writeFile(note, JSON.stringify({ version, from: 'a benchmark', bytes }));
      const out = path.join(folder, 'run');
      const circumstances = { program, more: [...steps, ...more], env: { ...env, LD_LIBRARY_PATH: libraries } };
      const line = requireOneLine(await runSmall(data, out, circumstances), says);
      const reached = await newestStep(out);
      if (reached !== step) throw new Error(`${lacks}: the newest checkpoint is of step ${reached}, not ${step}`);
      if (step > 0) {
        const again = await runSmall(data, out, { ...circumstances, env: { LD_LIBRARY_PATH: libraries } });
        if (again.code !== 0)
          throw new Error(`${lacks}: the resumed training ended with ${again.code}:\n${again.text}`);
      }
      console.log(`| ${lacks} | \`${line}\` | ${reached === 0 ? 'none' : `step ${reached}`} |`);
      for (const made of [libraries, note, out]) await rm(made, { recursive: true, force: true });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
