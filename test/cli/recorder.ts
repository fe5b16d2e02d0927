/** A stand-in for the terminal that keeps what is written. */
import type { Output } from '../../src/cli/terminal.js';

export function recorder(properties: Partial<Output> = {}): { output: Output; written: () => string } {
  let text = '';
  const write = (chunk: string | Uint8Array): boolean => {
    text += String(chunk);
    return true;
  };
  return { output: { ...properties, write }, written: () => text };
}
