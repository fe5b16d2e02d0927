/** Threads of WebAssembly: how many a page gets, and why not more. */

/** What keeps a page or worker from threads, the first that holds. */
const obstacles: readonly [holds: () => boolean, reason: string][] = [
  [
    () => (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false,
    'the page is not cross-origin isolated; its server has to send Cross-Origin-Opener-Policy: same-origin and ' +
      'Cross-Origin-Embedder-Policy: require-corp',
  ],
  [
    () => typeof SharedArrayBuffer === 'undefined',
    'this browser gives the page no SharedArrayBuffer, which threads share memory by',
  ],
];

/** Why nothing that runs here may have threads, or undefined. */
export const threadObstacle = (): string | undefined => obstacles.find(([holds]) => holds())?.[1];

/** Half of the machine's, at most 4. */
export const defaultThreads = (): number =>
  Math.min(4, Math.ceil((globalThis.navigator?.hardwareConcurrency ?? 1) / 2));
