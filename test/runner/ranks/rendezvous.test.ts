import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import type { Place } from '../../../src/runner/ranks/place.js';
import { addressOf, meet } from '../../../src/runner/ranks/rendezvous.js';
import { freePort } from '../../helpers/nccl.js';

const place = (rank: number, size = 3): Place => ({ rank, size, localRank: rank, localSize: size, by: 'torchrun' });

describe('meet', () => {
  it('gives all ranks what each has to say, whoever comes first, and in spite of strangers', async () => {
    const address = { host: '127.0.0.1', port: await freePort() };
    const others = [2, 1].map((rank) => meet(place(rank), address, `of ${rank}`, 20));
    const first = meet(place(0), address, 'of 0', 20);
    const stranger = connect(address.port, address.host, () => stranger.end('GET / HTTP/1.1\n\n'));
    stranger.on('error', () => stranger.destroy());
    for (const texts of await Promise.all([first, ...others])) expect(texts).toEqual(['of 0', 'of 1', 'of 2']);
  });

  it('refuses a rank of another world', async () => {
    const address = { host: '127.0.0.1', port: await freePort() };
    const first = meet(place(0), address, '', 20);
    const other = meet(place(1, 2), address, '', 1);
    await expect(first).rejects.toThrow(/^rank 1 of 2 has come to rank 0 of 3: start all of them anew$/);
    await expect(other).rejects.toThrow(/^rank 0 does not answer at 127\.0\.0\.1/);
  });

  it('says which port is taken', async () => {
    const address = { host: '127.0.0.1', port: await freePort() };
    const held = meet(place(0), address, '', 1);
    await expect(meet(place(0), address, '', 1)).rejects.toThrow(
      /^rank 0 can't listen at port \d+ \(MASTER_PORT\): .*EADDRINUSE/,
    );
    await expect(held).rejects.toThrow(/^rank 1, 2 of 3 did not come within 1 s$/);
  });
});

describe('addressOf', () => {
  const env = { MASTER_ADDR: 'first', MASTER_PORT: '29500' };

  it("takes MASTER_PORT, and the next one where torchrun's agent has that", () => {
    expect(addressOf(env)).toEqual({ host: 'first', port: 29500 });
    expect(addressOf({ ...env, TORCHELASTIC_USE_AGENT_STORE: 'True' })).toEqual({ host: 'first', port: 29501 });
  });

  it.each([{}, { MASTER_PORT: 'x' }, { ...env, MASTER_PORT: '0' }, { ...env, MASTER_PORT: '65535' }])(
    'refuses %o',
    (given) => {
      expect(() => addressOf(given)).toThrow(UserError);
    },
  );
});
