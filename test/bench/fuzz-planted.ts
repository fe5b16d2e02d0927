/** Parsers with a fault each, which fuzzing has to find. */
import type { Target } from '../../bench/fuzz/target.js';
import { textSeed } from '../../bench/fuzz/target.js';
import { UserError } from '../../src/runner/base/errors.js';

/** Memory that nobody gives back. */
const kept: Uint8Array[] = [];

/** Does as told where an input does not begin with the seed's letter. */
const planted = (name: string, fault: () => unknown): Target => ({
  name,
  seeds: async () => [textSeed('abcdef')],
  read: async (bytes) => {
    if (bytes[0] !== 'a'.charCodeAt(0)) await fault();
  },
});

export const targets: readonly Target[] = [
  planted('right', () => {
    throw new UserError('the input does not begin with a');
  }),
  planted('throws', () => {
    throw new TypeError('a value is undefined');
  }),
  planted('says two lines', () => {
    throw new UserError('the input\nis wrong');
  }),
  planted('says control characters', () => {
    throw new UserError('the input \x1b[2J is wrong');
  }),
  planted('ends', () => process.kill(process.pid, 'SIGSEGV')),
  planted('hangs', () => {
    for (;;);
  }),
  planted('grows', () => kept.push(new Uint8Array(400 * 2 ** 20).fill(1))),
];
