/** What of the machine and the installed programs may change the bits of a training. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { promisify } from 'node:util';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import { packageJson } from '../base/package-json.js';
import type { DeviceOptions } from '../options/run-options.js';
import type { Facts } from './facts.js';

/**
 * Instruction sets by which kernels of ONNX Runtime (MLAS) and libvips (Highway) choose how to add and round, by Linux's names.
 * x86 has an `sme` of its own, which encrypts memory.
 */
const arithmetic: Record<string, RegExp> = {
  flags: /^(sse4_1|f16c|fma|avx|avx2|avx512\w*|avx_\w+|amx_\w+)$/,
  Features: /^(asimd\w*|fphp|bf16|i8mm|sve\w*|sme\w*)$/,
};

const untold = 'not told by this system';

/** The first processor's flags in the text of Linux's /proc/cpuinfo that change arithmetic, sorted. */
export function arithmeticFlags(cpuinfo: string): string {
  const [, name, flags] = /^(flags|Features)\s*:(.*)$/m.exec(cpuinfo) ?? [];
  const changing = (flags?.trim().split(/\s+/) ?? []).filter((flag) => arithmetic[name!]!.test(flag));
  return changing.sort().join(' ') || untold;
}

function cLibrary(): string {
  // Without this, a report looks up names of open connections.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? untold : `glibc ${header.glibcVersionRuntime}`;
}

const run = promisify(execFile);

/** The GPU's name and driver as NVIDIA's tool tells them. */
async function gpu(id: number): Promise<string> {
  const args = ['--query-gpu=name,driver_version', '--format=csv,noheader', `--id=${id}`];
  return run('nvidia-smi', args, { timeout: 30_000 }).then(
    ({ stdout }) => stdout.trim(),
    () => untold,
  );
}

const deviceNames: Record<DeviceOptions['device'], (id: number) => string | Promise<string>> = {
  cpu: () => 'cpu',
  cuda: async (id) => `cuda: ${await gpu(id)}`,
  webgpu: () => 'webgpu',
};

/** The facts of this process on this machine. */
export async function machineFacts({ device, deviceId }: Pick<DeviceOptions, 'device' | 'deviceId'>): Promise<Facts> {
  return {
    dws: packageJson().version,
    onnxruntime: ort.env.versions.node ?? ort.env.versions.common,
    sharp: sharp.versions.sharp ?? untold,
    libvips: sharp.versions.vips,
    node: process.versions.node,
    system: `${process.platform} ${process.arch}`,
    libc: cLibrary(),
    device: await deviceNames[device](deviceId),
    cpuFeatures: arithmeticFlags(await readFile('/proc/cpuinfo', 'utf8').catch(() => '')),
    cpu: os.cpus()[0]?.model.trim().replace(/\s+/g, ' ') || untold,
  };
}
