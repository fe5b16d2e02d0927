/** The GPU check on a machine without one: the same parts on the CPU, tiny, and the same JSON. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { gpuResult, peerSettings } from '../../bench/gpu/result.js';
import { temporaryFolder } from '../runner/data/images.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = temporaryFolder();

/** Prints what a PyTorch step prints. */
const peer = `console.log(JSON.stringify({ step_s: 1, min_s: 1, max_s: 1, images_per_s: 1, peak_mib: 1, args: process.argv }));`;

/** @param golden names of the files of reference values */
async function check(golden: Record<string, (text: string) => string>): Promise<{ code: number; output: string }> {
  await mkdir(path.join(folder.path, 'golden'), { recursive: true });
  for (const [name, change] of Object.entries(golden)) {
    const text = await readFile(path.join(root, 'test/golden', name), 'utf8');
    await writeFile(path.join(folder.path, 'golden', name), change(text));
  }
  await writeFile(path.join(folder.path, 'peer.mjs'), peer);
  const options = {
    ...{ device: 'cpu', batch: 5, size: 32, models: 'squeezenet1_1', steps: 1, 'loop-steps': 5 },
    ...{ golden: path.join(folder.path, 'golden'), python: process.execPath },
    ...{ peer: path.join(folder.path, 'peer.mjs'), out: path.join(folder.path, 'gpu.json') },
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'bench/gpu/main.ts', ...args], { cwd: root }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), output: out + err }),
    );
  });
}

const written = async (): Promise<unknown> =>
  JSON.parse(await readFile(path.join(folder.path, 'gpu.json'), 'utf8')) as unknown;

describe('the GPU check', () => {
  it('writes JSON of its schema, of every part; one that misses a reference value is told, with exit code 1', async () => {
    const change = (text: string) => text.replace(/(\d\.\d{3})\d/, '9$1');
    const { code, output } = await check({ 'loss.json': (text) => text, 'optim.json': change });
    expect(output).toMatch(/^ {2}base_net\.conv1 \(1\): forward .*ms\n/);
    expect(output).toMatch(/^failed: parity optim\.json$/m);
    const result = gpuResult(await written(), '');
    expect([code, result.failures]).toEqual([1, ['parity optim.json']]);
    expect(result.parity).toMatchObject({ 'loss.json': { above: 0 }, 'optim.json': { above: 1 } });
    expect(result.plans).toMatchObject({ failed: 0 });
    expect(result.loop).toMatchObject({ left_to_cpu: [] });
    expect(Object.keys(result.steps['squeezenet1_1']!)).toEqual(['dws', ...Object.keys(peerSettings)]);
  });
});
