/** ONNX Runtime for browsers: which of its modules, where its files are, how many threads. */
import type * as Ort from 'onnxruntime-web';
import { DwsWebError, reasonOf } from './errors.js';
import { folderUrl } from './load.js';

export type Device = 'webgpu' | 'wasm';

export interface RuntimeOptions {
  /**
   * Folder with a copy of `node_modules/onnxruntime-web/dist`, on your own server: no other server is ever asked. Of its
   * files, a page needs
   *
   * - for `wasm`: `ort-wasm-simd-threaded.{mjs,wasm}` (14 MB, 3.5 MB compressed)
   * - for `webgpu`: `ort-wasm-simd-threaded.asyncify.{mjs,wasm}` (26 MB)
   *
   * Without it they are looked for beside ONNX Runtime's script: where a bundler (Vite, webpack) puts them, or in the
   * folder that an import map names. A module worker without a bundler has no import map; there, ONNX Runtime itself is
   * imported from this folder as well: `ort.wasm.min.mjs` or `ort.webgpu.min.mjs`.
   */
  wasmPaths?: string | URL;
  /**
   * Threads of WebAssembly. More than one needs a page that is cross-origin isolated (`crossOriginIsolated`), which takes the headers
   * `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`. Default: half of the
   * machine's, at most 4, where the page is isolated, else 1.
   */
  threads?: number;
}

/** ONNX Runtime as it was started: once for a page or worker and device. */
export interface Runtime {
  ort: typeof Ort;
  threads: number;
  /** Runs one job after the other: ONNX Runtime for browsers does not take two at a time. */
  exclusively<T>(job: () => Promise<T>): Promise<T>;
}

const modules: Record<Device, { load: () => Promise<typeof Ort>; file: string }> = {
  wasm: { load: () => import('onnxruntime-web/wasm'), file: 'ort.wasm.min.mjs' },
  webgpu: { load: () => import('onnxruntime-web/webgpu'), file: 'ort.webgpu.min.mjs' },
};

async function importOrt(device: Device, wasmPaths: URL | undefined): Promise<typeof Ort> {
  const { load, file } = modules[device];
  try {
    return await load();
  } catch (error) {
    // No bundler and no import map.
    const place = wasmPaths && new URL(file, wasmPaths).href;
    const imported =
      place === undefined
        ? Promise.reject(error)
        : (import(/* @vite-ignore */ /* webpackIgnore: true */ place) as Promise<typeof Ort>);
    return imported.catch((cause: unknown) => {
      throw new DwsWebError(
        'network',
        `ONNX Runtime can't be loaded${place ? ` from ${place}` : ' (give its folder as wasmPaths)'}: ${reasonOf(cause)}.`,
        { cause },
      );
    });
  }
}

const isIsolated = (): boolean => (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;

const defaultThreads = (): number => Math.min(4, Math.ceil((globalThis.navigator?.hardwareConcurrency ?? 1) / 2));

async function start(device: Device, { wasmPaths, threads = defaultThreads() }: RuntimeOptions): Promise<Runtime> {
  const folder = wasmPaths === undefined ? undefined : folderUrl(wasmPaths);
  const ort = await importOrt(device, folder);
  const { wasm } = ort.env;
  if (folder) wasm.wasmPaths = folder.href;
  wasm.numThreads = isIsolated() ? threads : 1;
  let last: Promise<unknown> = Promise.resolve();
  const exclusively = <T>(job: () => Promise<T>): Promise<T> => {
    const done = last.then(job);
    last = done.catch(() => undefined);
    return done;
  };
  return { ort, threads: wasm.numThreads, exclusively };
}

const started = new Map<Device, Promise<Runtime>>();

/**
 * Starts ONNX Runtime, or gives the one that this page or worker has started for the device: its files and threads stay
 * as they were then.
 *
 * @throws DwsWebError `network` when its module can't be loaded
 */
export function openRuntime(device: Device, options: RuntimeOptions): Promise<Runtime> {
  const found = started.get(device);
  if (found) return found;
  const runtime = start(device, options);
  started.set(device, runtime);
  runtime.catch(() => started.delete(device));
  return runtime;
}

/** Why a runtime has fewer threads than were asked for, or undefined when it has them. */
export function threadLimit({ threads }: Runtime, asked: number | undefined): string | undefined {
  if (asked === undefined || threads >= asked) return undefined;
  return isIsolated()
    ? `ONNX Runtime was started with ${threads} of ${asked} threads before, and keeps that many until the page is loaded anew`
    : `${threads} of ${asked} threads: the page is not cross-origin isolated; its server has to send ` +
        `Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp`;
}

interface Gpu {
  requestAdapter(): Promise<unknown>;
}

/** @throws DwsWebError `no-webgpu` */
export async function requireWebGpu(): Promise<void> {
  const { gpu } = (globalThis.navigator ?? {}) as { gpu?: Gpu };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (adapter) return;
  const reason = gpu
    ? 'this browser has WebGPU, but found no graphics processor that it runs on'
    : 'this browser has no WebGPU here (it needs HTTPS or localhost)';
  throw new DwsWebError('no-webgpu', `WebGPU can't be used: ${reason}. Use WebAssembly (device: 'wasm') instead.`);
}
