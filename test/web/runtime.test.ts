/** How ONNX Runtime is started, with one that is made up: what it really does, browsers.long.test.ts has. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type * as Runtime from '../../src/web/runtime.js';

interface FakeOrt {
  env: { wasm: { numThreads?: number; wasmPaths?: string } };
  InferenceSession: { create: () => Promise<{ release(): Promise<void> }> };
}

/** Threads of each start, in order. */
let starts: (number | undefined)[];

function fakeOrt(create: FakeOrt['InferenceSession']['create']): FakeOrt {
  const env: FakeOrt['env'] = { wasm: {} };
  return {
    env,
    InferenceSession: {
      create: () => {
        starts.push(env.wasm.numThreads);
        return create();
      },
    },
  };
}

const session = () => Promise.resolve({ release: () => Promise.resolve() });
const never = () => new Promise<never>(() => undefined);

/** The module as a new page has it. */
async function withOrt(ort: FakeOrt): Promise<typeof Runtime> {
  vi.resetModules();
  vi.doMock('onnxruntime-web/wasm', () => ort);
  return import('../../src/web/runtime.js');
}

/** Timers alone are made up: WebAssembly is looked for on the way to a start. */
async function begun(): Promise<void> {
  while (starts.length === 0) await new Promise((resolve) => setImmediate(resolve));
}

const coded = (code: string) => expect.objectContaining({ name: 'DwsWebError', code });

beforeEach(() => {
  starts = [];
  vi.stubGlobal('crossOriginIsolated', true);
  vi.stubGlobal('navigator', { hardwareConcurrency: 8 });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('threads', () => {
  const pages: [what: string, stub: () => void, threads: number, limit: RegExp | undefined][] = [
    ['an isolated page', () => undefined, 2, undefined],
    [
      'a page that is not isolated',
      () => vi.stubGlobal('crossOriginIsolated', false),
      1,
      /^1 of 2 threads: .*Cross-Origin-Opener/,
    ],
    [
      'an isolated page without SharedArrayBuffer',
      () => vi.stubGlobal('SharedArrayBuffer', undefined),
      1,
      /^1 of 2 threads: this browser gives the page no SharedArrayBuffer/,
    ],
  ];
  it.each(pages)('of %s', async (_, stub, threads, limit) => {
    stub();
    const { openRuntime, threadLimit } = await withOrt(fakeOrt(session));
    const runtime = await openRuntime('wasm', { threads: 2 });
    expect(runtime.threads).toBe(threads);
    expect(starts).toEqual([threads]);
    if (limit) expect(threadLimit(runtime, 2)).toMatch(limit);
    else expect(threadLimit(runtime, 2)).toBeUndefined();
  });

  it('are half of the machine, at most 4, and a page that gets fewer is told why', async () => {
    const { openRuntime, threadLimit } = await withOrt(fakeOrt(session));
    expect((await openRuntime('wasm', {})).threads).toBe(4);
    vi.stubGlobal('crossOriginIsolated', false);
    const plain = await withOrt(fakeOrt(session));
    expect(threadLimit(await plain.openRuntime('wasm', {}), undefined)).toMatch(/^1 of 4 threads: the page is not/);
  });
});

describe('a start', () => {
  it('that does not end is told, again without waiting, and not told of a page that is loaded anew', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { openRuntime } = await withOrt(fakeOrt(never));
    const first = openRuntime('wasm', { threads: 2 });
    const outcome = expect(first).rejects.toThrow(
      /can't be started here: it had not started with 2 threads after 300 s\. Load the model with threads: 1, in a new worker/,
    );
    await begun();
    await vi.advanceTimersByTimeAsync(300_000);
    await outcome;
    await expect(first).rejects.toEqual(coded('start-timeout'));
    await expect(openRuntime('wasm', { threads: 1 })).rejects.toEqual(coded('start-timeout'));
    expect(starts).toEqual([2]);
    expect((await (await withOrt(fakeOrt(session))).openRuntime('wasm', { threads: 1 })).threads).toBe(1);
  });

  it('is not late while its time is not over', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const slow = () => new Promise<never>((resolve) => setTimeout(() => resolve(session() as never), 299_000));
    const { openRuntime } = await withOrt(fakeOrt(slow));
    const runtime = openRuntime('wasm', { threads: 2 });
    await begun();
    await vi.advanceTimersByTimeAsync(299_000);
    expect((await runtime).threads).toBe(2);
  });

  it('is not begun where a policy forbids WebAssembly, or there is none', async () => {
    const { openRuntime } = await withOrt(fakeOrt(session));
    vi.spyOn(WebAssembly, 'instantiate').mockRejectedValue(new WebAssembly.CompileError('unsafe-eval'));
    const refused = openRuntime('wasm', {});
    await expect(refused).rejects.toEqual(coded('blocked'));
    await expect(refused).rejects.toThrow(
      /Content-Security-Policy forbids WebAssembly: .*'wasm-unsafe-eval' to script-src/,
    );
    vi.stubGlobal('WebAssembly', undefined);
    await expect(openRuntime('wasm', {})).rejects.toThrow(/has no WebAssembly/);
    expect(starts).toEqual([]);
  });
});
