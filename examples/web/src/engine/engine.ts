/** The model, in a worker of its own, so that the page stays responsive. */
import type { Device, Progress } from 'dws/web';
import { DwsWebError } from 'dws/web';
import { ortUrl } from '../places.js';
import type { Answer, Calls, Embedded, Failure, Kind, Loaded } from './protocol.js';

interface Waiting {
  resolve(value: never): void;
  reject(error: Error): void;
}

const errorOf = ({ code, message }: Failure): Error =>
  code === undefined ? new Error(message) : new DwsWebError(code, message);

/** One worker with one model on one device; for another device, make another. */
export class Engine {
  private readonly worker = new Worker(new URL('./model-worker.ts', import.meta.url), { type: 'module' });
  private readonly waiting = new Map<number, Waiting>();
  private asked = 0;

  constructor(private readonly onProgress: (progress: Progress) => void) {
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => this.take(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.end(new DwsWebError('network', 'The program that runs the model could not be loaded.'));
    };
  }

  /**
   * @param threads of WebAssembly; as many as suit the machine unless given
   * @throws DwsWebError
   */
  load(url: string, device: Device, threads?: number): Promise<Loaded> {
    return this.ask('load', { url, device, wasmPaths: ortUrl, threads });
  }

  /** @throws DwsWebError */
  features(image: Blob): Promise<Embedded> {
    return this.ask('features', { image });
  }

  /** Ends the worker, which frees all that the model holds. What is under way is rejected. */
  close(): void {
    this.end(new DwsWebError('aborted', 'Another device was chosen.'));
  }

  private ask<K extends Kind>(kind: K, ask: Calls[K]['ask']): Promise<Calls[K]['give']> {
    const id = this.asked++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, kind, ask });
    });
  }

  private take(answer: Answer): void {
    if ('progress' in answer) return this.onProgress(answer.progress);
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('failure' in answer) waiting?.reject(errorOf(answer.failure));
    else waiting?.resolve(answer.give as never);
  }

  private end(error: DwsWebError): void {
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
