/** What goes wrong in the page, in words for people. */

export type DwsWebErrorCode =
  | 'no-webgpu'
  | 'not-an-image'
  | 'format-not-read'
  | 'too-large'
  | 'network'
  | 'blocked'
  | 'start-timeout'
  | 'bad-model'
  | 'run-failed'
  | 'bad-gallery'
  | 'gallery-mismatch'
  | 'aborted'
  | 'bad-example'
  | 'too-few-examples'
  | 'diverged'
  | 'bad-head'
  | 'head-mismatch'
  | 'no-features';

/** An error whose message is for the person in front of the page. */
export class DwsWebError extends Error {
  override readonly name = 'DwsWebError';

  constructor(
    readonly code: DwsWebErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const longest = 80;

/** Text out of a file, fit for one line of a message. */
export const printable = (text: string): string =>
  (text.length > longest ? `${text.slice(0, longest)}…` : text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
