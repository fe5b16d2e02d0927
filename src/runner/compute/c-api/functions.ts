/**
 * ONNX Runtime's C API (onnxruntime_c_api.h): a struct of pointers to functions. A function's place in it never changes, new ones are
 * put at its end; so one table holds for every version from `apiVersion` on.
 */
import koffi from 'koffi';

/** The version in which the newest function of the table came (ONNX Runtime 1.18). */
export const apiVersion = 18;

/** An address in ONNX Runtime's memory, or null. */
export type Pointer = bigint | null;

/** An argument that a function fills in. */
type Filled<Value> = [Value | null];

const anything = 'void *';
const text = 'const char *';
const texts = 'const char **';
const pointer = '_Out_ void **';
const count = '_Out_ size_t *';

/** Functions that return a status: where they are, and their parameters. */
const checked = {
  CreateEnv: [3, ['int', text, pointer]],
  CreateSessionFromArray: [8, [anything, anything, 'size_t', anything, pointer]],
  Run: [9, [anything, anything, texts, anything, 'size_t', texts, 'size_t', anything]],
  CreateSessionOptions: [10, [pointer]],
  DisableMemPattern: [17, [anything]],
  DisableCpuMemArena: [19, [anything]],
  SetSessionLogSeverityLevel: [22, [anything, 'int']],
  SetIntraOpNumThreads: [24, [anything, 'int']],
  SetInterOpNumThreads: [25, [anything, 'int']],
  SessionGetInputCount: [30, [anything, count]],
  SessionGetOutputCount: [31, [anything, count]],
  SessionGetInputName: [36, [anything, 'size_t', anything, pointer]],
  SessionGetOutputName: [37, [anything, 'size_t', anything, pointer]],
  CreateTensorAsOrtValue: [48, [anything, anything, 'size_t', 'int', pointer]],
  CreateTensorWithDataAsOrtValue: [49, [anything, anything, 'size_t', anything, 'size_t', 'int', pointer]],
  GetTensorMutableData: [51, [anything, pointer]],
  GetTensorElementType: [60, [anything, '_Out_ int *']],
  GetDimensionsCount: [61, [anything, count]],
  GetDimensions: [62, [anything, anything, 'size_t']],
  GetTensorTypeAndShape: [65, [anything, pointer]],
  CreateMemoryInfo: [68, [text, 'int', 'int', 'int', pointer]],
  CreateCpuMemoryInfo: [69, ['int', 'int', pointer]],
  AllocatorFree: [76, [anything, anything]],
  GetAllocatorWithDefaultOptions: [78, [pointer]],
  CreateAllocator: [131, [anything, anything, pointer]],
  CreateCUDAProviderOptions: [205, [pointer]],
  UpdateCUDAProviderOptions: [206, [anything, texts, texts, 'size_t']],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, [anything, anything]],
  SetDeterministicCompute: [273, [anything, 'bool']],
} as const satisfies Record<string, readonly [place: number, parameters: readonly string[]]>;

/** Functions that give something back and can't fail. */
const releasing = {
  ReleaseStatus: 93,
  ReleaseMemoryInfo: 94,
  ReleaseSession: 95,
  ReleaseValue: 96,
  ReleaseTensorTypeAndShapeInfo: 99,
  ReleaseSessionOptions: 100,
  ReleaseAllocator: 132,
  ReleaseCUDAProviderOptions: 208,
} as const;

type Checked = keyof typeof checked;
type Releasing = keyof typeof releasing;

/** @throws Error with ONNX Runtime's words */
export type Functions = Record<Checked, (...args: unknown[]) => void> & Record<Releasing, (held: Pointer) => void>;

/**
 * @param api what OrtGetApiBase's GetApi returned
 */
export function functionsOf(api: Pointer): Functions {
  const at = (place: number) => koffi.decode(api, place * koffi.sizeof(anything), anything) as Pointer;
  const messageOf = koffi.proto(text, [anything]);
  const release = koffi.proto('void', [anything]);
  const releasers = Object.fromEntries(
    Object.entries(releasing).map(([name, place]) => {
      const address = at(place);
      return [name, (held: Pointer) => koffi.call(address, release, held)];
    }),
  ) as Record<Releasing, (held: Pointer) => void>;
  const getErrorMessage = at(2);

  const callers = Object.entries(checked).map(([name, [place, parameters]]) => {
    const address = at(place);
    const type = koffi.proto(anything, [...parameters]);
    const call = (...args: unknown[]): void => {
      const status = koffi.call(address, type, ...args) as Pointer;
      if (status === null) return;
      const message = koffi.call(getErrorMessage, messageOf, status) as string;
      releasers.ReleaseStatus(status);
      throw new Error(message);
    };
    return [name, call];
  });
  return { ...(Object.fromEntries(callers) as Record<Checked, (...args: unknown[]) => void>), ...releasers };
}

/** What a function puts into its last parameter. */
export function filled<Value = Pointer>(call: (...args: unknown[]) => void, ...args: unknown[]): Value {
  const into: Filled<Value> = [null];
  call(...args, into);
  return into[0] as Value;
}
