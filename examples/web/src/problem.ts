/** Errors in words for people. */
import type { DwsWebErrorCode } from 'dws/web';
import { DwsWebError } from 'dws/web';

/** Headings by an error's code; the error's own message goes below. */
const titles: Partial<Record<DwsWebErrorCode, string>> = {
  'not-an-image': 'This is no image',
  'format-not-read': 'This image can’t be read here',
  'too-large': 'This image is too large',
  network: 'The model could not be fetched',
  blocked: 'The model may not run in this page',
  'start-timeout': 'The model can’t be started',
  'bad-model': 'The model can’t be used',
  'run-failed': 'The model failed',
  'bad-gallery': 'The gallery can’t be used',
  'gallery-mismatch': 'The gallery belongs to another model',
  'bad-head': 'The file can’t be used',
  'head-mismatch': 'The file belongs to another model',
  'no-features': 'The gallery lacks something',
  'no-webgpu': 'WebGPU is not available here',
};

export interface Problem {
  title: string;
  text: string;
}

export function problemOf(error: unknown): Problem {
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof DwsWebError)) return { title: 'Something went wrong', text };
  const offline = error.code === 'network' && !navigator.onLine;
  if (offline) return { title: 'You are offline', text: 'Connect to the network, then try again.' };
  return { title: titles[error.code] ?? 'Something went wrong', text };
}

/** Whether nobody needs to be told. */
export const isAborted = (error: unknown): boolean => error instanceof DwsWebError && error.code === 'aborted';
