import { describe, expect, it } from 'vitest';
import { untilDone } from '../../../src/runner/ranks/pending.js';
import type { Watch } from '../../../src/runner/ranks/watch.js';

const timeoutSeconds = 0.1;
const call = { what: 'allReduce', number: 7 };

/** Of two ranks, of which rank 1 has not come. */
function watchOf(moves: () => number, missing = ['rank 1 on there']) {
  const told: string[] = [];
  const watch = {
    timeoutSeconds,
    moves,
    missing: () => missing,
    fail: (why: string) => told.push(why),
    gone: undefined,
  };
  return { told, watch: watch as unknown as Watch };
}

/** After so many looks. */
const done = (looks: number) => {
  let left = looks;
  return () => --left < 0;
};

describe('untilDone', () => {
  it('waits far beyond the timeout for a rank that works', async () => {
    let work = 0;
    const { watch, told } = watchOf(() => ++work);
    const begun = performance.now();
    await untilDone(() => performance.now() - begun > 10 * timeoutSeconds * 1000, watch, call);
    expect(told).toEqual([]);
  });

  it('does not wait for one that does nothing, and says so to all', async () => {
    const { watch, told } = watchOf(() => 3);
    const why =
      /^waited more than 0\.1 s in allReduce \(call 7\) for rank 1 on there, which did not come to it and has done nothing/;
    await expect(untilDone(done(Infinity), watch, call)).rejects.toThrow(why);
    expect(told).toEqual([expect.stringMatching(why)]);
  });

  it('nor for data, where all have come', async () => {
    const { watch } = watchOf(() => 0, []);
    await expect(untilDone(done(Infinity), watch, call)).rejects.toThrow('but their data has not');
  });
});
