/** What this machine can do: everything is tried, not looked up. */
import { execFile } from 'node:child_process';
import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import type { Provider } from '../../graph/options.js';
import { imageExtensions } from '../data/image-formats.js';
import { workerFile } from '../base/worker-file.js';
import { noCudaProvider } from '../compute/onnxruntime-folder.js';
import { chooseEngine } from '../compute/engines.js';
import type { CudaSearch } from '../cuda/machine.js';
import { cudaParts } from '../cuda/machine.js';
import type { Probed } from '../ranks/probe.js';

export interface Finding {
  name: string;
  /** `absent` is for what the program can do without. */
  status: 'ok' | 'absent' | 'failed';
  /** One line or more: what was found, and if it failed how to mend it. */
  detail: string;
}

/** CPU features that ONNX Runtime's kernels use: Linux's name and everyone's. */
const CPU_FEATURES: readonly (readonly [flag: string, name: string])[] = [
  ['avx2', 'AVX2'],
  ['avx512f', 'AVX-512'],
  ['avx512_vnni', 'AVX-512 VNNI'],
  ['amx_tile', 'AMX'],
  ['asimd', 'NEON'],
  ['sve', 'SVE'],
];

/** Some drivers take many seconds to start. */
const PROBE_TIMEOUT_MS = 60_000;

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const nodeVersion = (): Finding => ({
  name: 'Node.js',
  status: 'ok',
  detail: `${process.versions.node} on ${process.platform} ${process.arch}`,
});

async function onnxRuntime(): Promise<Finding> {
  const version = ort.env.versions.node ?? ort.env.versions.common;
  const found = (status: Finding['status'], way: string) => ({
    name: 'ONNX Runtime',
    status,
    detail: `${version}\n${way}`,
  });
  try {
    const { engine, reason } = await chooseEngine({ device: 'cpu' });
    const how =
      reason === undefined ? 'which leaves arrays where they are' : `which copies arrays in every run (${reason})`;
    return found('ok', `through its ${engine.name}, ${how}`);
  } catch (error) {
    return found('failed', message(error));
  }
}

/** The processor's features where the system tells them (Linux), in words; empty elsewhere. */
async function cpuFeatures(): Promise<string[]> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1]!.trim().split(/\s+/));
  return CPU_FEATURES.filter(([flag]) => flags.has(flag)).map(([, name]) => name);
}

async function processor(): Promise<Finding> {
  const features = await cpuFeatures();
  const model = os.cpus()[0]?.model.trim().replace(/\s+/g, ' ') || 'unknown model';
  const threads = `${os.availableParallelism()} of ${os.cpus().length} hardware threads may be used`;
  return { name: 'processor', status: 'ok', detail: [model, threads, features.join(', ')].filter(Boolean).join('\n') };
}

const run = promisify(execFile);

/** Tries a provider in a process of its own: drivers write to the terminal as they please, and may take it all down. */
async function device(name: Provider): Promise<Finding> {
  const otherwise = name === 'cpu' ? 'failed' : 'absent';
  try {
    const probe = fileURLToPath(workerFile('compute/device-probe'));
    const { stdout } = await run(process.execPath, [probe, name], { timeout: PROBE_TIMEOUT_MS });
    const { ok, detail } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { ok: boolean; detail: string };
    // The name stands in front already.
    return { name, status: ok ? 'ok' : otherwise, detail: detail.replace(/^--device \w+: /, '') };
  } catch (error) {
    const { signal } = error as { signal?: string };
    return { name, status: otherwise, detail: `trying it ended the process (${signal ?? message(error)})` };
  }
}

/** Tries what several processes of one training speak by; NCCL where there may be GPUs. */
async function ranks(name: 'mpi' | 'nccl'): Promise<Finding | undefined> {
  if (name === 'nccl' && noCudaProvider() !== undefined) return undefined;
  try {
    const probe = fileURLToPath(workerFile('ranks/probe'));
    const { stdout } = await run(process.execPath, [probe, name], { timeout: PROBE_TIMEOUT_MS });
    const { ok, detail } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Probed;
    return { name, status: ok ? 'ok' : 'absent', detail };
  } catch (error) {
    const { signal } = error as { signal?: string };
    return { name, status: 'absent', detail: `trying it ended the process (${signal ?? message(error)})` };
  }
}

/** What CUDA needs, part by part: ONNX Runtime tells the first one that it lacks. Nothing where it has no CUDA provider. */
export async function cudaFiles(search: CudaSearch = {}): Promise<Finding | undefined> {
  if (noCudaProvider() !== undefined) return undefined;
  const parts = await cudaParts(search);
  const lines = parts.map(({ name, file, advice }) => {
    const where = file === undefined ? `${name}: not found` : `${name}: ${file}`;
    return advice === undefined ? where : `${where}; ${advice}`;
  });
  const status = parts.some(({ isMissing }) => isMissing) ? 'absent' : 'ok';
  return { name: 'cuda parts', status, detail: lines.join('\n') };
}

/** Encodes and decodes a small picture in the formats that data sets come in. */
async function imageDecoder(): Promise<Finding> {
  const versions = `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`;
  const picture = sharp({ create: { width: 16, height: 16, channels: 3, background: '#336699' } });
  const broken: string[] = [];
  for (const format of ['jpeg', 'png', 'webp'] as const) {
    try {
      const { length } = await sharp(await picture.clone().toFormat(format).toBuffer())
        .raw()
        .toBuffer();
      if (length !== 16 * 16 * 3) broken.push(`${format}: ${length} bytes instead of ${16 * 16 * 3}`);
    } catch (error) {
      broken.push(`${format}: ${message(error)}`);
    }
  }
  if (broken.length === 0) {
    return { name: 'images', status: 'ok', detail: `${versions}\nreads ${imageExtensions.join(' ')}` };
  }
  return {
    name: 'images',
    status: 'failed',
    detail: [versions, ...broken, 'Reinstall it: npm install sharp'].join('\n'),
  };
}

function memory(): Finding {
  // Newer than the oldest Node.js that this runs on; knows a container's limit.
  const available = (process.availableMemory as (() => number) | undefined)?.() ?? os.freemem();
  return { name: 'memory', status: 'ok', detail: `${gigabytes(available)} of ${gigabytes(os.totalmem())} are free` };
}

async function disk(folder: string): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return { name: 'disk', status: 'ok', detail: `${gigabytes(bavail * bsize)} are free in ${folder}` };
  } catch (error) {
    return { name: 'disk', status: 'failed', detail: `${folder}: ${message(error)}` };
  }
}

/**
 * Examines the machine. Providers are opened one after the other with a tiny model, which takes seconds on some drivers.
 *
 * @param folder whose disk is looked at
 * @param onFinding told of each finding as it is made
 */
export async function examine(folder: string, onFinding: (finding: Finding) => void): Promise<Finding[]> {
  const checks = [
    nodeVersion,
    onnxRuntime,
    processor,
    () => device('cpu'),
    () => device('cuda'),
    () => cudaFiles(),
    () => device('webgpu'),
    () => ranks('mpi'),
    () => ranks('nccl'),
    imageDecoder,
    memory,
    () => disk(folder),
  ];
  const findings: Finding[] = [];
  for (const check of checks) {
    const finding = await check();
    if (!finding) continue;
    findings.push(finding);
    onFinding(finding);
  }
  return findings;
}
