import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judge } from '../../bench/fuzz/judge.js';
import { minimise } from '../../bench/fuzz/minimise.js';
import { fuzz } from '../../bench/fuzz/run.js';
import type { Failure } from '../../bench/fuzz/messages.js';
import { inputOf, openTarget } from '../../bench/fuzz/target.js';
import { targets } from '../../bench/fuzz/targets/index.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'dws-fuzz-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const open = async (name: string) => {
  const home = await mkdtemp(path.join(folder, 'target-'));
  return openTarget(
    targets.find((target) => target.name === name)!,
    home,
  );
};

const corpus = fileURLToPath(new URL('fuzz-corpus', import.meta.url));

describe('an input that once failed is read or refused', async () => {
  for (const name of await readdir(corpus)) {
    it.each(await readdir(path.join(corpus, name)))(`${name}: %s`, async (file) => {
      const outcome = await judge(await open(name), new Uint8Array(await readFile(path.join(corpus, name, file))));
      expect(['read', 'refused']).toContain(outcome.kind);
    });
  }
});

it.each(targets.map(({ name }) => name))('every valid input of %s is read', async (name) => {
  const target = await open(name);
  expect(target.wholes.length).toBeGreaterThan(0);
  for (const bytes of target.wholes) expect(await judge(target, bytes)).toEqual({ kind: 'read' });
});

it.each(['zip', 'icons-json'])(
  'the same seed and number give the same input of %s, whatever came before',
  async (name) => {
    const numbers = Array.from({ length: 300 }, (_, i) => i);
    const make = async (seed: number) => {
      const target = await open(name);
      const inputs: Uint8Array[] = [];
      for (const number of numbers) inputs.push(await inputOf(target, seed, number));
      return inputs.map((bytes) => Buffer.from(bytes).toString('base64'));
    };
    const inputs = await make(5);
    expect(await make(5)).toEqual(inputs);
    expect(await make(6)).not.toEqual(inputs);
  },
);

it('an input is made as short as it can be and still fail', async () => {
  const bytes = new Uint8Array(1000).fill(7);
  bytes[333] = 1;
  bytes[800] = 2;
  const fails = async (shorter: Uint8Array) => shorter.includes(1) && shorter.includes(2);
  expect(await minimise(bytes, fails)).toEqual(Uint8Array.of(1, 2));
});

it('every kind of fault is found, with an input that shows it', async () => {
  const failures: Failure[] = [];
  const found = new AbortController();
  const { tallies, findings, growth } = await fuzz({
    module: new URL('fuzz-planted.ts', import.meta.url).href,
    ...{ seed: 1, minutes: 2, mostCpu: 1, signal: found.signal },
    onFailure: (failure) => {
      failures.push(failure);
      if (new Set(failures.map(({ target }) => target)).size === 6) found.abort();
    },
  });
  expect(findings).toBe(failures.length);
  const reasons = new Map(failures.map(({ target, reason }) => [target, reason.split('\n')[0]]));
  expect(Object.fromEntries(reasons)).toEqual({
    throws: 'TypeError: a value is undefined',
    'says two lines': 'a message of 2 lines: "the input\\nis wrong"',
    'says control characters': 'a message with control characters: "the input \\u001b[2J is wrong"',
    ends: 'the process ends with SIGSEGV',
    hangs: 'an input takes more than 1 s of computing',
    grows: 'the memory grows by more than 256 MiB',
  });
  expect(failures.every(({ bytes }) => Buffer.from(bytes, 'base64')[0] !== 'a'.charCodeAt(0))).toBe(true);
  expect(tallies.get('right')).toMatchObject({ failures: 0 });
  expect(tallies.get('right')!.refused).toBeGreaterThan(0);
  expect(growth).toBeGreaterThan(256 * 2 ** 20);
});
