/** Starts the model on a device, on WebAssembly where WebGPU fails. */
import type { Device, DwsWebErrorCode, Progress } from 'dws/web';
import { DwsWebError } from 'dws/web';
import { folderUrl } from '../places.js';
import { Engine } from './engine.js';
import type { Loaded } from './protocol.js';

export interface Started extends Loaded {
  engine: Engine;
  /** Why the model does not run on the WebGPU that was asked for. */
  fellBack?: unknown;
}

export interface StartHooks {
  onProgress(progress: Progress): void;
  /** Told of each worker as it is made, so that it can be closed before it is ready. */
  onEngine(engine: Engine): void;
}

/** What WebAssembly would meet as well. */
const notTheDevice = new Set<DwsWebErrorCode>(['aborted', 'network', 'blocked']);

const isStuck = (error: unknown): error is DwsWebError =>
  error instanceof DwsWebError && error.code === 'start-timeout';

async function startOnce(device: Device, { onProgress, onEngine }: StartHooks, threads?: number): Promise<Started> {
  const engine = new Engine(onProgress);
  onEngine(engine);
  try {
    return { engine, ...(await engine.load(folderUrl, device, threads)) };
  } catch (error) {
    engine.close();
    throw error;
  }
}

/** A start that does not end, which threads may bring about, is followed by one with a single thread in a new worker. */
async function startOn(device: Device, hooks: StartHooks): Promise<Started> {
  try {
    return await startOnce(device, hooks);
  } catch (error) {
    if (!isStuck(error)) throw error;
    return { ...(await startOnce(device, hooks, 1)), threadLimit: error.message };
  }
}

/** @throws DwsWebError */
export async function start(device: Device, hooks: StartHooks): Promise<Started> {
  try {
    return await startOn(device, hooks);
  } catch (error) {
    if (device === 'wasm' || (error instanceof DwsWebError && notTheDevice.has(error.code))) throw error;
    return { ...(await startOn('wasm', hooks)), fellBack: error };
  }
}
