/** Keeps the page for when its server is gone, and tells of a newer model. */
import type { Device } from 'dws/web';
import { showNotice } from '../notices.js';
import { ortUrl, pageUrl, source } from '../places.js';
import { cachePrefix, pagePrefix } from './names.js';
import workerUrl from './service-worker.ts?worker&url';
import { forgetOthers, keep, keptKeys } from './store.js';
import { versionOf } from './version.js';

const runtimes: Record<Device, string> = {
  wasm: 'ort-wasm-simd-threaded',
  webgpu: 'ort-wasm-simd-threaded.asyncify',
};

/** @throws Error when the browser does not take it, for want of room for example */
async function startWorker(): Promise<void> {
  const registration = await navigator.serviceWorker.register(workerUrl, { scope: pageUrl });
  const installing = registration.installing;
  if (registration.active || !installing) return;
  await new Promise<void>((resolve, reject) => {
    installing.addEventListener('statechange', () => {
      if (installing.state === 'activated') resolve();
      if (installing.state === 'redundant') reject(new Error('the page’s files can’t be kept'));
    });
  });
}

/** ONNX Runtime for the device, and for WebAssembly, on which it learns. */
async function keepRuntime(device: Device): Promise<void> {
  const name = (await caches.keys()).find((each) => each.startsWith(pagePrefix(pageUrl)));
  if (name === undefined) throw new Error('the page’s files are not kept');
  const cache = await caches.open(name);
  for (const runtime of new Set([runtimes.wasm, runtimes[device]])) {
    for (const url of ['mjs', 'wasm'].map((ending) => `${ortUrl}${runtime}.${ending}`)) {
      if (!(await cache.match(url))) await cache.add(url);
    }
  }
}

/** The key of what this page runs. */
let current = source.key;

async function keepAll(device: Device): Promise<string> {
  await startWorker();
  await keepRuntime(device);
  const version = await versionOf(pageUrl);
  if (!version) throw new Error('the server has no model');
  current ??= version.key;
  if (!(await keptKeys(pageUrl)).includes(version.key)) {
    await keep(pageUrl, version).catch(async (error: unknown) => {
      if ((error as DOMException).name !== 'QuotaExceededError') throw error;
      // There may be room for one.
      await forgetOthers(pageUrl, version.key);
      await keep(pageUrl, version);
    });
  }
  await forgetOthers(pageUrl, version.key);
  return 'starts without its server';
}

const reasonOf = (error: unknown): string => {
  if ((error as DOMException).name === 'QuotaExceededError') return 'the browser has no room for it';
  return error instanceof Error && error.message !== '' ? error.message : 'the server can’t be reached';
};

/** One at a time, of all open pages. */
const inTurn = async (device: Device): Promise<string> =>
  navigator.locks
    .request(`${cachePrefix(pageUrl)}keeping`, () => keepAll(device))
    .catch((error: unknown) => `not kept: ${reasonOf(error)}`);

/**
 * Keeps page, runtime, model and gallery; an older model goes once this one is there whole.
 *
 * @param tell gets how that came out, in a line for people; not called where browsers keep no pages: those that are not https or
 *   localhost
 */
export function keepForLater(device: Device, tell: (outcome: string) => void): void {
  if (!('serviceWorker' in navigator) || !('locks' in navigator)) return;
  if (source.isServerGone) return tell('in use: the server can’t be reached');
  const run = () => void inTurn(device).then(tell);
  run();
  // The worker of another build of the page begins with the page's own files alone.
  navigator.serviceWorker.oncontrollerchange = run;
}

/** Tells once when the server has another model than this page runs. */
export function watchForNewer(): void {
  const look = async () => {
    if (current === undefined || document.visibilityState !== 'visible') return;
    const there = await versionOf(pageUrl).catch(() => undefined);
    if (!there || there.key === current) return;
    current = undefined;
    showNotice('newer', {
      kind: 'info',
      title: 'There is a newer model',
      text: 'This page goes on with the one that it began with.',
      action: { label: 'Reload', run: () => location.reload() },
    });
  };
  document.addEventListener('visibilitychange', () => void look());
  addEventListener('online', () => void look());
}
