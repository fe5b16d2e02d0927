/** ONNX Runtime sessions on a device. A device that can't be had is an error that says how to get it, never the CPU. */
import { statSync } from 'node:fs';
import path from 'node:path';
import ort from 'onnxruntime-node';
import type { InferenceSession } from 'onnxruntime-node';
import { GraphBuilder } from '../../graph/builder/builder.js';
import { encodeModel } from '../../graph/onnx/schema.js';
import type { Provider } from '../../graph/options.js';
import { UserError } from '../base/errors.js';
import { requireDevice } from '../options/rules.js';
import type { DeviceOptions } from '../options/run-options.js';
import { deviceError } from './device-words.js';
import { bindingFolder, cudaProvider, noCudaProvider } from './onnxruntime-folder.js';
import { otherVersion, readNote } from './provider-note.js';

type SessionOptions = InferenceSession.SessionOptions;

const installCuda =
  `Install it with\n  npx dws cuda-install\n` +
  `and put the libraries of that version of CUDA and of cuDNN 9 on the library path (LD_LIBRARY_PATH). dws doctor tells which are found.`;

/** Why CUDA can't be there, found out without ONNX Runtime, which only says that it failed to load a shared library. */
function cudaProblem(): string | undefined {
  const nowhere = noCudaProvider();
  if (nowhere !== undefined) return nowhere;
  // Empty files keep the provider from being fetched when dws is installed: see scripts/preinstall.mjs.
  const bytes = statSync(path.join(bindingFolder, cudaProvider), { throwIfNoEntry: false })?.size ?? 0;
  if (bytes > 0) {
    const other = otherVersion(readNote(bindingFolder, bytes));
    return other && `its provider (${cudaProvider}) is ${other}`;
  }
  return `ONNX Runtime's CUDA provider is not installed (${cudaProvider} is not beside onnxruntime-node's binding). ${installCuda}`;
}

interface ProviderEntry {
  providers: (device: DeviceOptions) => NonNullable<SessionOptions['executionProviders']>;
  /** What is known to be missing before a session is tried. */
  problem: () => string | undefined;
  /** What to do when a session can't be opened. */
  advice: string;
}

type CudaSettings = Pick<DeviceOptions, 'device' | 'tf32' | 'gpuMemLimit' | 'deterministic'>;

/** Options that only CUDA has, as the command line calls those that are given. */
export const cudaSettings = ({ device, tf32, gpuMemLimit, deterministic }: CudaSettings): string[] => [
  ...(tf32 === undefined ? [] : [`--tf32 ${tf32}`]),
  ...(gpuMemLimit === undefined ? [] : ['--gpu-mem-limit']),
  ...(deterministic && device !== 'cpu' ? ['--deterministic'] : []),
];

const providerTable: Record<Provider, ProviderEntry> = {
  cpu: { providers: () => ['cpu'], problem: () => undefined, advice: 'Reinstall it: npm install onnxruntime-node' },
  cuda: {
    providers: ({ deviceId }) => [{ name: 'cuda', deviceId }],
    problem: cudaProblem,
    advice:
      'Its provider needs an NVIDIA GPU with its driver (nvidia-smi lists the devices), and the libraries of CUDA and ' +
      `cuDNN 9 on the library path (LD_LIBRARY_PATH). If the provider is another one than the installed onnxruntime-node's, reinstall both. ${installCuda}`,
  },
  webgpu: {
    providers: () => ['webgpu'],
    problem: () => undefined,
    advice: 'WebGPU needs a GPU whose driver speaks Vulkan (Linux), Direct3D 12 (Windows) or Metal (macOS).',
  },
};

const firstLine = (error: unknown): string => String(error instanceof Error ? error.message : error).split('\n')[0]!;

/**
 * - memory pattern: doubles the peak memory of the training loop
 * - log severity 4: nothing short of fatal; errors are thrown, warnings are about nodes that are on the CPU on purpose
 */
export const sessionSettings = ({ threads }: DeviceOptions) =>
  ({
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableMemPattern: false,
    logSeverityLevel: 4,
  }) satisfies SessionOptions;

const sessionOptions = (device: DeviceOptions): SessionOptions => ({
  executionProviders: providerTable[device.device].providers(device),
  ...sessionSettings(device),
});

/** Twice the sum of [1, 1, 2, 2]: a Conv and a Gemm, since CUDA's libraries for them are loaded by the first that there is. */
function probeModel(): Uint8Array {
  const g = new GraphBuilder();
  const sum = g.op('Conv', [g.input('x', 'float32', [1, 1, 2, 2]), g.constant('float32', [1, 1, 2, 2], [1, 1, 1, 1])]);
  g.output('y', g.op('Gemm', [g.op('Flatten', [sum]), g.constant('float32', [1, 1], [2])]));
  return encodeModel(g.model('probe'));
}

const create = (model: Uint8Array | string, options: SessionOptions): Promise<InferenceSession> =>
  typeof model === 'string' ? ort.InferenceSession.create(model, options) : ort.InferenceSession.create(model, options);

/**
 * Looks whether a device's provider is installed, without opening it.
 *
 * @throws UserError saying how to install it, or naming an option that the device does not have, or a device that there is not
 */
export function requireProvider(options: DeviceOptions): void {
  const { device } = options;
  requireDevice(device);
  const [setting] = cudaSettings(options);
  if (setting !== undefined && device !== 'cuda') {
    throw new UserError(`${setting} is for CUDA devices, but --device is ${device}. Leave one of them out.`);
  }
  const problem = providerTable[device].problem();
  if (problem !== undefined) throw new UserError(`--device ${device}: ${problem}`);
}

/** Opens and runs a tiny model. @throws UserError when that fails */
async function probe(device: DeviceOptions): Promise<void> {
  requireProvider(device);
  try {
    const session = await create(probeModel(), sessionOptions(device));
    const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1, 2, 3, 4), [1, 1, 2, 2]) });
    await session.release();
    if (y!.data[0] !== 20) throw new Error(`2 (1 + 2 + 3 + 4) came out as ${String(y!.data[0])}`);
  } catch (error) {
    const which = device.device === 'cuda' ? ` on CUDA device ${device.deviceId}` : '';
    const { advice } = providerTable[device.device];
    const message = `--device ${device.device}: ONNX Runtime can't open a session${which}: ${firstLine(error)}\n${advice}`;
    throw deviceError(error, device) ?? new UserError(message, { cause: error });
  }
}

/** Opens a session. @throws UserError where it is the device that can't be used; what else `open` throws otherwise */
export async function explainFailure<Session>(device: DeviceOptions, open: () => Promise<Session>): Promise<Session> {
  try {
    return await open();
  } catch (error) {
    // The C API names what can't be loaded, the binding that probes does not.
    const lack = deviceError(error, device);
    if (lack) throw lack;
    await probe(device);
    throw error;
  }
}

/**
 * Opens a model on a device.
 *
 * @param model bytes, or the path of a file
 * @param extra ONNX Runtime's session options, over this project's
 * @throws UserError when the device can't be used, saying what to install
 * @throws Error from ONNX Runtime when the model itself is at fault
 */
export async function openSession(
  model: Uint8Array | string,
  device: DeviceOptions,
  extra: SessionOptions = {},
): Promise<InferenceSession> {
  requireProvider(device);
  return explainFailure(device, () => create(model, { ...sessionOptions(device), ...extra }));
}

/** Really opens a tiny session on a device and runs it. */
export async function checkDevice(device: DeviceOptions): Promise<{ ok: boolean; detail: string }> {
  try {
    await probe(device);
    return { ok: true, detail: 'opens a session and computes' };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { ok: false, detail: error.message };
  }
}
