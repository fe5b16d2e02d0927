/** What a page holds in memory, told by Chromium. */
import type { Page } from 'playwright-core';

/** ONNX Runtime makes its memory in JavaScript: every one that is made is noted. */
const noteMemories = `
  globalThis.memories = [];
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(...options) {
      super(...options);
      globalThis.memories.push(this);
    }
  };`;

declare const memories: WebAssembly.Memory[];

export interface PageMemory {
  /** Bytes of WebAssembly's memories, used or not: they never shrink. */
  wasm: number;
  /** Bytes that JavaScript holds after a collection of garbage, contents of typed arrays included. */
  javascript: number;
}

/** Call it before the page is opened. @returns what measures the page's main thread */
export async function watchMemory(tab: Page): Promise<() => Promise<PageMemory>> {
  await tab.addInitScript(noteMemories);
  const devTools = await tab.context().newCDPSession(tab);
  return async () => {
    await devTools.send('HeapProfiler.collectGarbage');
    const heap = (await devTools.send('Runtime.getHeapUsage')) as { usedSize: number; backingStorageSize?: number };
    return {
      wasm: await tab.evaluate(() => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)),
      javascript: heap.usedSize + (heap.backingStorageSize ?? 0),
    };
  };
}
