/** The library that onnxruntime-node ships and its own binding uses: one copy of ONNX Runtime, two ways to call it. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { foreignCalls } from '../../base/foreign-calls.js';
import { bindingFolder } from '../onnxruntime-folder.js';
import type { Functions, Pointer } from './functions.js';

/** Its name beside the binding. */
const files: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
};

/** The C API as it is called from here. */
export interface Library {
  /** koffi closes a library that nothing refers to, functions of it or not. */
  handle: unknown;
  api: Functions;
  /** Shared by all sessions of the process, whoever opens them; ONNX Runtime keeps it until the process ends. */
  environment: Pointer;
  /** Of arrays in Node.js's memory. */
  memory: Pointer;
  /** Of names that ONNX Runtime hands out. */
  allocator: Pointer;
}

const FATAL = 4;
/** OrtArenaAllocator and OrtMemTypeDefault. */
const [ARENA, DEFAULT] = [1, 0];

/** @param folder where it lies, with the providers that it finds beside itself */
export async function loadLibrary(folder: string = bindingFolder): Promise<Library> {
  const file = path.join(folder, files[process.platform] ?? 'libonnxruntime.so.1');
  if (!existsSync(file)) throw new Error(`${file} is missing`);
  // Only here: where it has no file for the system, importing it throws.
  const koffi = await foreignCalls();
  const { apiVersion, filled, functionsOf } = await import('./functions.js');
  const handle = koffi.load(file);
  const base = handle.func('OrtGetApiBase', 'void *', [])() as Pointer;
  const getApi = koffi.decode(base, 'void *') as Pointer;
  const found = koffi.call(getApi, koffi.proto('void *', ['uint32_t']), apiVersion) as Pointer;
  if (found === null) throw new Error(`${file} does not have version ${apiVersion} of the C API`);
  const api = functionsOf(found);
  return {
    handle,
    api,
    environment: filled(api.CreateEnv, FATAL, 'dws'),
    memory: filled(api.CreateCpuMemoryInfo, ARENA, DEFAULT),
    allocator: filled(api.GetAllocatorWithDefaultOptions),
  };
}

let loaded: Promise<Library> | undefined;

/** Loads it once a thread. @throws Error when it is not there for this system, or koffi is not */
export function library(): Promise<Library> {
  loaded ??= loadLibrary();
  return loaded;
}
