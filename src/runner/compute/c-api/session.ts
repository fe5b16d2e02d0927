/**
 * A session through the C API.
 *
 * The rule for every pointer: what is made for a run, or to open a session, is released before that call returns, however it ends. ONNX
 * Runtime reads and writes arrays of Node.js where they lie, and has no pointer to them after the run; until then `lent` keeps them,
 * since a variable that is not read any more keeps nothing from garbage collection. What ONNX Runtime made, the outputs that nobody
 * gave an array for, is copied before it is released. The session outlives a call, until `release`, and so do values in a device's
 * memory (`device-tensors.ts`), which a run takes as they are.
 */
import koffi from 'koffi';
import type { DeviceOptions } from '../../options/run-options.js';
import type { EngineSession, PlainTensor, PlainTensors, Places, SessionSettings } from '../engine.js';
import { inputOf, placeOf } from '../engine.js';
import { sessionSettings } from '../session.js';
import type { Pointer } from './functions.js';
import { filled } from './functions.js';
import type { Library } from './library.js';
import { borrowed, copied } from './values.js';

/** How a session reaches a held tensor: an array of Node.js, or a value in its device's memory. */
export type Place = PlainTensor | DeviceValue;

/** A value that whoever made it releases. */
export interface DeviceValue {
  value: bigint;
}

export class OpenSession implements EngineSession<Place> {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** The tensors that ONNX Runtime has pointers to. */
  private lent: PlainTensor[] = [];

  constructor(
    private readonly library: Library,
    private session: Pointer,
  ) {
    const { api } = library;
    this.inputNames = this.names(filled<number>(api.SessionGetInputCount, session), api.SessionGetInputName);
    this.outputNames = this.names(filled<number>(api.SessionGetOutputCount, session), api.SessionGetOutputName);
  }

  /** Of the memory that the session's device computes in. */
  allocator(memory: Pointer): Pointer {
    return filled(this.library.api.CreateAllocator, this.session, memory);
  }

  async run(given: PlainTensors, held: Places<Place>): Promise<PlainTensors> {
    const { api } = this.library;
    if (this.session === null) throw new Error('the session is released');
    const made: Pointer[] = [];
    const inputs = new BigUint64Array(this.inputNames.length);
    const results = new BigUint64Array(this.outputNames.length);
    const valueOf = (tensor: Place): bigint => {
      if ('value' in tensor) return tensor.value;
      this.lent.push(tensor);
      const value = borrowed(this.library, tensor)!;
      made.push(value);
      return value;
    };
    try {
      this.inputNames.forEach((name, i) => (inputs[i] = valueOf(inputOf(name, given, held))));
      const into = this.outputNames.map((name) => placeOf(name, held));
      into.forEach((tensor, i) => tensor && (results[i] = valueOf(tensor)));
      const [names, wanted] = [this.inputNames, this.outputNames];
      api.Run(this.session, null, names, inputs, names.length, wanted, wanted.length, results);
      const own = wanted.flatMap((name, i) => (into[i] ? [] : [[name, results[i]!] as const]));
      for (const [, value] of own) made.push(value);
      return Object.fromEntries(own.map(([name, value]) => [name, copied(this.library, value)]));
    } finally {
      for (const value of made) api.ReleaseValue(value);
      this.lent = [];
    }
  }

  async release(): Promise<void> {
    const { session } = this;
    this.session = null;
    if (session !== null) this.library.api.ReleaseSession(session);
  }

  private names(length: number, name: (...args: unknown[]) => void): string[] {
    const { api, allocator } = this.library;
    return Array.from({ length: Number(length) }, (_, i) => {
      const address = filled(name, this.session, i, allocator);
      try {
        return koffi.decode.string(address);
      } finally {
        api.AllocatorFree(allocator, address);
      }
    });
  }
}

/** By the names that ONNX Runtime's CUDA provider has for them (CUDAExecutionProviderInfo, 1.29). */
const cudaOptions = ({ deviceId, tf32, gpuMemLimit, deterministic }: DeviceOptions): Record<string, string> => ({
  device_id: String(deviceId),
  ...(tf32 !== undefined && { use_tf32: tf32 === 'on' ? '1' : '0' }),
  ...(gpuMemLimit !== undefined && { gpu_mem_limit: String(gpuMemLimit) }),
  // Else the engines are timed when a session meets a convolution, and another one may win the next time.
  ...(deterministic && { cudnn_conv_algo_search: 'HEURISTIC' }),
});

function addCuda({ api }: Library, options: Pointer, device: DeviceOptions, growth: SessionSettings['growth']): void {
  const settings = { ...cudaOptions(device), ...(growth === 'exact' && { arena_extend_strategy: 'kSameAsRequested' }) };
  const [names, values] = [Object.keys(settings), Object.values(settings)];
  const cuda = filled(api.CreateCUDAProviderOptions);
  try {
    api.UpdateCUDAProviderOptions(cuda, names, values, names.length);
    api.SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda);
  } finally {
    api.ReleaseCUDAProviderOptions(cuda);
  }
}

/**
 * Opens a model, with the settings that the binding's sessions have.
 *
 * @throws Error with ONNX Runtime's words
 */
export async function openSession(
  library: Library,
  model: Uint8Array,
  device: DeviceOptions,
  { enableCpuMemArena = true, growth, ...settings }: SessionSettings = {},
): Promise<OpenSession> {
  const { api, environment } = library;
  const options = filled(api.CreateSessionOptions);
  try {
    const { intraOpNumThreads, interOpNumThreads, enableMemPattern, logSeverityLevel } = {
      ...sessionSettings(device),
      ...settings,
    };
    api.SetIntraOpNumThreads(options, intraOpNumThreads);
    api.SetInterOpNumThreads(options, interOpNumThreads);
    api.SetSessionLogSeverityLevel(options, logSeverityLevel);
    if (device.deterministic) api.SetDeterministicCompute(options, true);
    if (!enableMemPattern) api.DisableMemPattern(options);
    if (!enableCpuMemArena) api.DisableCpuMemArena(options);
    if (device.device === 'cuda') addCuda(library, options, device, growth);
    const session = filled(api.CreateSessionFromArray, environment, model, model.byteLength, options);
    return new OpenSession(library, session);
  } finally {
    api.ReleaseSessionOptions(options);
  }
}
