/** What a Content-Security-Policy forbids: WebAssembly as a whole, or a file. */
import { DwsWebError, reasonOf } from './errors.js';

/** Magic and version: the smallest module. */
const emptyModule = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** @throws DwsWebError `blocked` where WebAssembly is missing, or a policy forbids it */
export async function requireWebAssembly(): Promise<void> {
  if (typeof WebAssembly === 'undefined') {
    throw new DwsWebError(
      'blocked',
      'This browser has no WebAssembly, or its settings turn it off (Lockdown Mode, for example).',
    );
  }
  try {
    // WebKit refuses nothing that is made at once.
    await WebAssembly.instantiate(emptyModule);
  } catch (cause) {
    throw new DwsWebError(
      'blocked',
      `The page's Content-Security-Policy forbids WebAssembly: its server has to add 'wasm-unsafe-eval' to script-src. (${reasonOf(cause)})`,
      { cause },
    );
  }
}

/** The part of the event that browsers report a blocked file by. */
interface Violation extends Event {
  effectiveDirective: string;
  blockedURI: string;
}

/** Scripts, workers and what is fetched. */
const watched = /^(script|worker|connect)-src/;

export interface PolicyWatch {
  /** What was blocked last of a directive, in words; of any that scripts and fetched files fall under unless given. */
  blocked(directive?: string): string | undefined;
  /** Settles when something of a directive is blocked. */
  until(directive: string): Promise<void>;
  stop(): void;
}

/** Notes what policies block in this page or worker from now on. */
export function watchPolicy(): PolicyWatch {
  const violations: Violation[] = [];
  const waiting = new Map<string, () => void>();
  const note = (event: Event): void => {
    const violation = event as Violation;
    if (!watched.test(violation.effectiveDirective)) return;
    violations.push(violation);
    waiting.get(violation.effectiveDirective)?.();
  };
  globalThis.addEventListener?.('securitypolicyviolation', note);
  return {
    blocked(directive) {
      const last = violations.findLast(
        ({ effectiveDirective }) => (directive ?? effectiveDirective) === effectiveDirective,
      );
      return (
        last &&
        `the page's Content-Security-Policy blocks ${last.blockedURI}; its server has to allow that in ${last.effectiveDirective}`
      );
    },
    until: (directive) => new Promise((resolve) => waiting.set(directive, resolve)),
    stop: () => globalThis.removeEventListener?.('securitypolicyviolation', note),
  };
}
