import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Hub } from '../../../src/runner/ranks/hub.js';
import { Spoke } from '../../../src/runner/ranks/spoke.js';
import type { Meeting, WatchStart } from '../../../src/runner/ranks/watch-messages.js';
import { ticksOfTimeout } from '../../../src/runner/ranks/watch-messages.js';
import type { Watched } from '../../../src/runner/ranks/watched.js';

/** One end of the watch, driven by hand: it knows of time by its ticks alone. */
class End {
  readonly start: WatchStart;
  hosts: string[] | undefined;
  gone: string | undefined;
  end!: Watched;

  constructor(rank: number, size: number) {
    const numbers = () => new Int32Array(new SharedArrayBuffer(size * Int32Array.BYTES_PER_ELEMENT));
    const [calls, work] = [numbers(), numbers()];
    this.start = {
      rank,
      size,
      host: `host-${rank}`,
      timeoutSeconds: 60,
      calls,
      work,
      launcher: undefined,
      local: true,
    };
  }

  readonly events = {
    all: (hosts: string[]) => (this.hosts = hosts),
    gone: (why: string) => (this.gone ??= why),
    left: () => undefined,
  };
}

const open: Watched[] = [];
afterEach(() => open.splice(0).forEach((end) => end.bye()));

async function met(size: number): Promise<{ ends: End[]; meeting: Meeting }> {
  const ends = Array.from({ length: size }, (_, rank) => new End(rank, size));
  const [first, ...others] = ends;
  const hub = new Hub(first!.start, first!.events);
  first!.end = hub;
  const meeting = await hub.listen();
  for (const other of others) other.end = new Spoke(other.start, other.events, meeting);
  for (const { end } of ends) open.push(end);
  await until(() => ends.every(({ hosts }) => hosts !== undefined));
  return { ends, meeting };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 5));
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await soon();
}

describe('the watch', () => {
  it('tells every rank the hosts of all, in rank order', async () => {
    const { ends } = await met(4);
    for (const { hosts } of ends) expect(hosts).toEqual(['host-0', 'host-1', 'host-2', 'host-3']);
  });

  it('tells every rank to which calls the others have come, and what they have done', async () => {
    const { ends } = await met(3);
    ends.forEach(({ start }, rank) => {
      start.calls[rank] = 10 + rank;
      start.work[rank] = 7 * rank;
    });
    await until(() => {
      for (const { end } of ends) end.tick();
      return ends.every(({ start }) => `${start.calls.join()} ${start.work.join()}` === '10,11,12 0,7,14');
    });
    expect(ends.map(({ gone }) => gone)).toEqual([undefined, undefined, undefined]);
  });

  it.each([0, 2])('tells all of rank %i, which is silent', async (silent) => {
    const { ends } = await met(3);
    const others = ends.filter((_, rank) => rank !== silent);
    for (let i = 0; i < ticksOfTimeout + 2; i++) {
      for (const { end } of others) end.tick();
      await soon();
    }
    await until(() => others.every(({ gone }) => gone !== undefined));
    const why = `rank ${silent} on host-${silent} has not been heard of for 60 s: it is stopped, or its machine or the network is`;
    for (const { gone } of others) expect(gone).toBe(why);
  });

  it('tells all what one rank says of its end', async () => {
    const { ends } = await met(3);
    ends[2]!.end.fail('enough');
    await until(() => ends.every(({ gone }) => gone !== undefined));
    expect(ends.map(({ gone }) => gone)).toEqual(['enough', 'enough', 'enough']);
  });

  it('takes a leave for no end, whoever takes it first', async () => {
    const { ends } = await met(3);
    for (const rank of [1, 0, 2]) {
      ends[rank]!.end.bye();
      await soon();
      for (const { end } of ends) end.tick();
    }
    await soon();
    expect(ends.map(({ gone }) => gone)).toEqual([undefined, undefined, undefined]);
  });

  it('does not take in somebody who does not know the word', async () => {
    const { ends, meeting } = await met(2);
    const socket = connect({ host: meeting.addresses[0]!, port: meeting.port });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => undefined);
    socket.write('{"say":"hello","token":"guessed","rank":1,"host":"elsewhere"}\n{"say":"failed","why":"nonsense"}\n');
    socket.resume();
    await closed;
    expect(ends.map(({ gone }) => gone)).toEqual([undefined, undefined]);
  });

  it('names a rank that has never come', async () => {
    const first = new End(0, 3);
    const hub = new Hub(first.start, first.events);
    open.push(hub);
    await hub.listen();
    for (let i = 0; i < ticksOfTimeout; i++) hub.tick();
    expect(first.gone).toMatch(/^rank 1 has not connected to rank 0 on host-0 within 60 s: .*TCP/);
  });
});
