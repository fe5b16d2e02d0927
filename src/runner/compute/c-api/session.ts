/**
 * A session through the C API.
 *
 * The rule for every pointer: what is made for a run, or to open a session, is released before that call returns, however it ends. ONNX
 * Runtime reads and writes arrays of Node.js where they lie, and has no pointer to them after the run; until then `lent` keeps them,
 * since a variable that is not read any more keeps nothing from garbage collection. What ONNX Runtime made, the outputs that nobody
 * gave an array for, is copied before it is released. Only the session outlives a call, until `release`.
 */
import koffi from 'koffi';
import type { DeviceOptions } from '../../options/run-options.js';
import type { EngineSession, PlainTensor, PlainTensors, SessionSettings } from '../engine.js';
import { placeOf } from '../engine.js';
import { sessionSettings } from '../session.js';
import type { Pointer } from './functions.js';
import { filled } from './functions.js';
import type { Library } from './library.js';

type TypedArray = PlainTensor['data'];

/** ONNX's number of each element type, and the arrays that hold it. */
const types = [
  [1, Float32Array],
  [2, Uint8Array],
  [6, Int32Array],
  [11, Float64Array],
] as const satisfies readonly [number, new (bytes: ArrayBuffer) => TypedArray][];

const numberOf = (data: TypedArray): number => types.find(([, array]) => data instanceof array)![0];

class Session implements EngineSession {
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

  async run(inputs: PlainTensors, held: PlainTensors): Promise<PlainTensors> {
    const { api } = this.library;
    if (this.session === null) throw new Error('the session is released');
    const made: Pointer[] = [];
    const given = new BigUint64Array(this.inputNames.length);
    const results = new BigUint64Array(this.outputNames.length);
    const valueOf = (tensor: PlainTensor): bigint => {
      this.lent.push(tensor);
      const value = this.value(tensor)!;
      made.push(value);
      return value;
    };
    try {
      this.inputNames.forEach((name, i) => (given[i] = valueOf(inputs[name]!)));
      const into = this.outputNames.map((name) => placeOf(name, held));
      into.forEach((tensor, i) => tensor && (results[i] = valueOf(tensor)));
      const [names, wanted] = [this.inputNames, this.outputNames];
      api.Run(this.session, null, names, given, names.length, wanted, wanted.length, results);
      const own = wanted.flatMap((name, i) => (into[i] ? [] : [[name, results[i]!] as const]));
      for (const [, value] of own) made.push(value);
      return Object.fromEntries(own.map(([name, value]) => [name, this.copy(value)]));
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

  /** A tensor that lies in the array's memory. */
  private value({ data, dims }: PlainTensor): Pointer {
    const shape = BigInt64Array.from(dims, BigInt);
    // Of an array of 64 bytes or less, V8 keeps the elements where they may move, until its buffer has been asked for.
    void data.buffer;
    const { api, memory } = this.library;
    return filled(
      api.CreateTensorWithDataAsOrtValue,
      memory,
      data,
      data.byteLength,
      shape,
      dims.length,
      numberOf(data),
    );
  }

  private copy(value: Pointer): PlainTensor {
    const { api } = this.library;
    const info = filled(api.GetTensorTypeAndShape, value);
    try {
      const type = filled<number>(api.GetTensorElementType, info);
      const shape = new BigInt64Array(Number(filled<number>(api.GetDimensionsCount, info)));
      api.GetDimensions(info, shape, shape.length);
      const dims = Array.from(shape, Number);
      const array = types.find(([number]) => number === type)?.[1];
      if (!array) throw new Error(`an output is of ONNX's type ${type}, which is not read`);
      const bytes = array.BYTES_PER_ELEMENT * dims.reduce((product, dim) => product * dim, 1);
      if (bytes === 0) return { data: new array(new ArrayBuffer(0)), dims };
      const data = koffi.decode(filled(api.GetTensorMutableData, value), 'uint8_t', bytes) as Uint8Array<ArrayBuffer>;
      return { data: new array(data.buffer), dims };
    } finally {
      api.ReleaseTensorTypeAndShapeInfo(info);
    }
  }
}

function addCuda({ api }: Library, options: Pointer, { deviceId }: DeviceOptions): void {
  const cuda = filled(api.CreateCUDAProviderOptions);
  try {
    api.UpdateCUDAProviderOptions(cuda, ['device_id'], [String(deviceId)], 1);
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
  { enableCpuMemArena = true, ...settings }: SessionSettings = {},
): Promise<EngineSession> {
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
    if (!enableMemPattern) api.DisableMemPattern(options);
    if (!enableCpuMemArena) api.DisableCpuMemArena(options);
    if (device.device === 'cuda') addCuda(library, options, device);
    const session = filled(api.CreateSessionFromArray, environment, model, model.byteLength, options);
    return new Session(library, session);
  } finally {
    api.ReleaseSessionOptions(options);
  }
}
