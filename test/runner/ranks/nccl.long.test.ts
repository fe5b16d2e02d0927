import os from 'node:os';
import { describe, expect, it } from 'vitest';
import { hasStandIn, runByAddress } from '../../helpers/nccl.js';

const timeoutSeconds = 3;
const host = os.hostname();

describe.runIf(hasStandIn)('of three ranks that speak by NCCL', () => {
  it.each([
    ['is stopped', new RegExp(`^UserError: rank 1 on ${host} has not been heard of for 3 s`)],
    ['computes without an end', new RegExp(`^UserError: waited more than 3 s in allGather .* for rank 1 on ${host}`)],
    ['throws', new RegExp(`^UserError: rank 1 on ${host} has ended`)],
    ['ends without close', new RegExp(`^UserError: rank 1 on ${host} has ended`)],
  ])('one that %s ends the others within twice the timeout, with a line that says so', async (fate, line) => {
    // What starts them ends one that is stopped; here the test does.
    const within = 5000 + 2 * timeoutSeconds * 1000;
    const args = ['1', fate, String(timeoutSeconds)];
    const [first, , third] = await runByAddress([{}, {}, {}], 'fate', args, { within });
    for (const other of [first!, third!]) {
      expect(other.stderr).toMatch(line);
      expect(other).toMatchObject({ code: 3, signal: null });
    }
  });
});
