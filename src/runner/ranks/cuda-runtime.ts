/** CUDA's runtime, as ONNX Runtime has loaded it: a stream, memory and copies for what NCCL moves. */
import { UserError } from '../base/errors.js';
import type { Koffi } from '../base/foreign-calls.js';
import { foreignCalls } from '../base/foreign-calls.js';

/** Of the versions that ONNX Runtime's provider is built for. */
const names = ['libcudart.so.13', 'libcudart.so.12'] as const;

/** dlopen's RTLD_LAZY and RTLD_NOLOAD: the library, if it is there already. */
const ifLoaded = 0x1 | 0x4;
/** cudaErrorNotReady. */
const NOT_READY = 600;
/** cudaStreamNonBlocking: not held up by what ONNX Runtime has on its streams. */
const ASIDE = 1;
/** cudaMemcpyHostToDevice and cudaMemcpyDeviceToHost. */
const [TO_DEVICE, TO_HOST] = [1, 2];
/** Longer than 0000:00:00.0. */
const longestId = 32;

export interface CudaRuntime {
  /** Of the machine's: two processes that call their GPU by numbers of their own may mean the same one. */
  gpu: string;
  stream: bigint;
  /** Whether the stream has done everything. @throws UserError with CUDA's words */
  isIdle(): boolean;
  /** @throws UserError when there is no room */
  allocate(bytes: number): bigint;
  free(address: bigint): void;
  /** Begins a copy; the array is CUDA's until the stream is idle. */
  toDevice(from: ArrayBufferView, to: bigint): void;
  toHost(from: bigint, into: ArrayBufferView): void;
  close(): void;
}

function fileOf(koffi: Koffi): string {
  const dlopen = koffi.load(null).func('dlopen', 'void *', ['const char *', 'int']);
  const found = names.find((name) => dlopen(name, ifLoaded) !== null);
  if (found === undefined) throw new UserError(`ONNX Runtime has loaded no CUDA runtime (${names.join(', ')})`);
  return found;
}

/**
 * @param deviceId which the calling thread, and no other, uses from then on
 * @throws UserError with CUDA's words
 */
export async function openCudaRuntime(deviceId: number): Promise<CudaRuntime> {
  const koffi = await foreignCalls();
  const library = koffi.load(fileOf(koffi));
  const messageOf = library.func('cudaGetErrorString', 'const char *', ['int']);
  const callable = (name: string, parameters: string[], allowed = 0) => {
    const call = library.func(name, 'int', parameters);
    return (...args: unknown[]): number => {
      const code = call(...args) as number;
      if (code !== 0 && code !== allowed) throw new UserError(`${name}: ${messageOf(code) as string}`);
      return code;
    };
  };
  const copy = callable('cudaMemcpyAsync', ['void *', 'void *', 'size_t', 'int', 'void *']);
  const query = callable('cudaStreamQuery', ['void *'], NOT_READY);
  const malloc = callable('cudaMalloc', ['_Out_ void **', 'size_t']);
  const free = callable('cudaFree', ['void *']);
  const destroy = callable('cudaStreamDestroy', ['void *']);
  const filled = (call: (...args: unknown[]) => unknown, ...rest: unknown[]): bigint => {
    const into: [bigint | null] = [null];
    call(into, ...rest);
    return into[0]!;
  };
  callable('cudaSetDevice', ['int'])(deviceId);
  const id = new Uint8Array(longestId);
  callable('cudaDeviceGetPCIBusId', ['void *', 'int', 'int'])(id, longestId, deviceId);
  const stream = filled(callable('cudaStreamCreateWithFlags', ['_Out_ void **', 'int']), ASIDE);
  return {
    gpu: Buffer.from(id.subarray(0, id.indexOf(0))).toString('latin1'),
    stream,
    isIdle: () => query(stream) === 0,
    allocate: (bytes) => filled(malloc, bytes),
    free: (address) => void free(address),
    toDevice: (from, to) => void copy(to, from, from.byteLength, TO_DEVICE, stream),
    toHost: (from, into) => void copy(into, from, into.byteLength, TO_HOST, stream),
    close: () => void destroy(stream),
  };
}
