/** What page and worker say to each other. Each request has a number, and gets one answer with it. */
import type { Device, DwsWebErrorCode, Features, Progress, WebModelInfo } from 'dws/web';

/** What the model made of an image, and the milliseconds that it took. */
export interface Embedded extends Features {
  decode: number;
  embed: number;
}

export interface Loaded {
  info: WebModelInfo;
  device: Device;
  /** Of WebAssembly. */
  threads: number;
  /** Why it has no more. */
  threadLimit?: string;
}

/** A request's content and its answer's, by kind. */
export interface Calls {
  load: { ask: { url: string; device: Device; wasmPaths: string; threads?: number }; give: Loaded };
  features: { ask: { image: Blob }; give: Embedded };
}

export type Kind = keyof Calls;

export type Request = { [K in Kind]: { id: number; kind: K; ask: Calls[K]['ask'] } }[Kind];

/** An error as it crosses to the page, where classes do not survive. */
export interface Failure {
  /** Absent for what `dws/web` did not expect. */
  code?: DwsWebErrorCode;
  message: string;
}

export type Answer =
  { id: number; give: Calls[Kind]['give'] } | { id: number; failure: Failure } | { progress: Progress };
