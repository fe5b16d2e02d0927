/** ONNX Runtime for browsers: started once, within a bounded time, with the threads that the page may have. */
import type * as Ort from 'onnxruntime-web';
import { DwsWebError } from './errors.js';
import { folderUrl } from './load.js';
import type { Device } from './ort-files.js';
import { fetchWasm, importAnew, importOrt, startFault } from './ort-files.js';
import type { PolicyWatch } from './policy.js';
import { requireWebAssembly, watchPolicy } from './policy.js';
import { startModel } from './start-model.js';
import { defaultThreads, threadObstacle } from './threads.js';

export type { Device } from './ort-files.js';

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
   * imported from this folder as well: `ort.wasm.min.mjs` or `ort.webgpu.min.mjs`. So it is, anywhere, for a second start with
   * one thread, where a first one with more does not end: see `EmbeddingModel.load`.
   */
  wasmPaths?: string | URL;
  /**
   * Threads of WebAssembly. More than one needs a page that is cross-origin isolated (`crossOriginIsolated`), which takes the headers
   * `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`, and a browser that gives it
   * `SharedArrayBuffer`; else there is one, and `EmbeddingModel.threadLimit` says why. Default: half of the machine's, at most 4.
   */
  threads?: number;
}

/** ONNX Runtime as it was started: once for a page or worker and device. */
export interface Runtime {
  ort: typeof Ort;
  threads: number;
  /** What kept it from more threads, or undefined. */
  obstacle: string | undefined;
  /** Runs one job after the other: ONNX Runtime for browsers does not take two at a time. */
  exclusively<T>(job: () => Promise<T>): Promise<T>;
}

/**
 * Seconds that a start may take once its files are there, many times what a slow phone needs. Where a bundler places them, their way is
 * part of the start.
 */
const patience = { fetched: 20, bundled: 300 } as const;

/** What a start is made of; the same for a second one. */
interface Start {
  device: Device;
  folder: URL | undefined;
  policy: PolicyWatch;
  wasm: ArrayBuffer | undefined;
}

/** @returns why it did not end, or undefined when it has */
async function begin(
  ort: typeof Ort,
  threads: number,
  { device, folder, policy, wasm }: Start,
): Promise<string | undefined> {
  const { env } = ort;
  if (folder) env.wasm.wasmPaths = folder.href;
  if (wasm) env.wasm.wasmBinary = wasm;
  env.wasm.numThreads = threads;
  const seconds = wasm ? patience.fetched : patience.bundled;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`it had not started with ${threads} threads after ${seconds} s`), 1000 * seconds);
  });
  // The start would wait for good: a worker that is blocked says nothing to ONNX Runtime.
  const blocked = policy.until('worker-src').then(() => policy.blocked('worker-src'));
  const session = ort.InferenceSession.create(startModel, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  try {
    return await Promise.race([session.then((made) => made.release()).then(() => undefined), late, blocked]);
  } catch (cause) {
    throw await startFault(device, folder, policy, cause);
  } finally {
    clearTimeout(timer);
    // Else its 14 MB would stay.
    delete env.wasm.wasmBinary;
  }
}

/** What has stuck cannot be undone; a second ONNX Runtime beside it can be had where the folder holds the whole of it. */
async function beginAnew(start: Start, reason: string): Promise<typeof Ort> {
  const ort = start.folder && (await importAnew(start.device, start.folder, start.policy).catch(() => undefined));
  if (ort && (await begin(ort, 1, start)) === undefined) return ort;
  throw new DwsWebError(
    'start-timeout',
    `ONNX Runtime can't be started here: ${reason}. Load the model with threads: 1, in a new worker or after the page was reloaded.`,
  );
}

async function start(device: Device, { wasmPaths, threads = defaultThreads() }: RuntimeOptions): Promise<Runtime> {
  await requireWebAssembly();
  const folder = wasmPaths === undefined ? undefined : folderUrl(wasmPaths);
  const policy = watchPolicy();
  try {
    const first = await importOrt(device, folder, policy);
    const given: Start = { device, folder, policy, wasm: folder && (await fetchWasm(device, folder, policy)) };
    const obstacle = threadObstacle();
    const reason = await begin(first, obstacle === undefined ? threads : 1, given);
    const ort = reason === undefined ? first : await beginAnew(given, reason);
    let last: Promise<unknown> = Promise.resolve();
    const exclusively = <T>(job: () => Promise<T>): Promise<T> => {
      const done = last.then(job);
      last = done.catch(() => undefined);
      return done;
    };
    const got = ort.env.wasm.numThreads ?? 1;
    const lacks = got < threads ? "this browser's WebAssembly has no threads" : undefined;
    return { ort, threads: got, obstacle: reason ?? obstacle ?? lacks, exclusively };
  } finally {
    policy.stop();
  }
}

const started = new Map<Device, Promise<Runtime>>();

/**
 * Starts ONNX Runtime, or gives the one that this page or worker has started for the device: its files and threads stay
 * as they were then.
 *
 * @throws DwsWebError `network` when a file of it can't be had, `blocked` when a policy forbids it, `start-timeout` when its start does
 *   not end
 */
export function openRuntime(device: Device, options: RuntimeOptions): Promise<Runtime> {
  const found = started.get(device);
  if (found) return found;
  const runtime = start(device, options);
  started.set(device, runtime);
  runtime.catch((error: unknown) => {
    // What has stuck stays.
    if (!(error instanceof DwsWebError && error.code === 'start-timeout')) started.delete(device);
  });
  return runtime;
}

/** Why a runtime has fewer threads than were asked for, or than it has by default; undefined when it has them. */
export function threadLimit({ threads, obstacle }: Runtime, asked = defaultThreads()): string | undefined {
  if (threads >= asked) return undefined;
  return obstacle === undefined
    ? `ONNX Runtime was started with ${threads} of ${asked} threads before, and keeps that many until the page is loaded anew`
    : `${threads} of ${asked} threads: ${obstacle}`;
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
