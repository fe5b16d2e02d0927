/** Rank 0's end of the watch: every other rank is connected to it, and it tells all of what has become of one. */
import { randomBytes } from 'node:crypto';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { FromHub, FromSpoke, Meeting, WatchStart } from './watch-messages.js';
import { nameOf, receive, send, Silence, ticksOfTimeout } from './watch-messages.js';
import type { Watched, WatchEvents } from './watched.js';

interface Spoke {
  socket?: Socket;
  host?: string;
  silence: Silence;
  left: boolean;
}

const loopback = '127.0.0.1';

/** By which other machines may reach this one; link-local addresses of IPv6 say nothing without an interface. */
const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((found = []) =>
    found.filter(({ internal, address }) => !internal && !address.startsWith('fe80:')).map(({ address }) => address),
  );

export class Hub implements Watched {
  private readonly token = randomBytes(16).toString('hex');
  private readonly spokes = new Map<number, Spoke>();
  private readonly server: Server;
  private closing = false;

  constructor(
    private readonly start: WatchStart,
    private readonly events: WatchEvents,
  ) {
    for (let rank = 1; rank < start.size; rank++) {
      this.spokes.set(rank, { silence: new Silence(ticksOfTimeout), left: false });
    }
    this.server = createServer((socket) => this.meet(socket));
  }

  async listen(): Promise<Meeting> {
    const { token, server } = this;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: 0, ...(this.start.local && { host: loopback }) }, resolve);
    });
    this.announce();
    const { port } = server.address() as AddressInfo;
    return { addresses: this.start.local ? [loopback] : ownAddresses(), port, token };
  }

  tick(): void {
    if (this.closing) return;
    const { calls, work } = this.start;
    this.toAll({ say: 'beat', calls: Array.from(calls), work: Array.from(work) });
    for (const [rank, { silence, left, host }] of this.spokes) {
      if (left || !silence.tick()) continue;
      const { timeoutSeconds } = this.start;
      const why = host
        ? `${nameOf({ rank, host })} has not been heard of for ${timeoutSeconds} s: it is stopped, or its machine or the network is`
        : `rank ${rank} has not connected to rank 0 on ${this.start.host} within ${timeoutSeconds} s: between the machines, all TCP ports have to be open`;
      this.fail(why);
      return;
    }
  }

  fail(why: string): void {
    this.toAll({ say: 'gone', why });
    this.events.gone(why);
  }

  bye(): void {
    this.closing = true;
    this.toAll({ say: 'bye' });
    this.server.close();
    for (const { socket } of this.spokes.values()) socket?.end();
    this.events.left();
  }

  /** Says nothing to somebody who does not know the word. */
  private meet(socket: Socket): void {
    let rank: number | undefined;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => rank !== undefined && this.lost(rank));
    receive<FromSpoke>(socket, (message) => {
      if (rank === undefined) {
        if (message?.say === 'hello' && message.token === this.token) rank = this.welcome(socket, message);
        else socket.destroy();
      } else if (message) this.take(rank, message);
    });
  }

  private welcome(socket: Socket, { rank, host }: { rank: number; host: string }): number | undefined {
    const spoke = this.spokes.get(rank);
    // One that has several addresses of this machine connects to each, and keeps the first that answers.
    if (!spoke || spoke.socket) {
      socket.destroy();
      return undefined;
    }
    Object.assign(spoke, { socket, host });
    spoke.silence.heard();
    send(socket, { say: 'welcome' });
    this.announce();
    return rank;
  }

  /** When the last one has come. */
  private announce(): void {
    const hosts = [this.start.host, ...Array.from(this.spokes.values(), ({ host }) => host)];
    if (hosts.includes(undefined)) return;
    this.toAll({ say: 'all', hosts: hosts as string[] });
    this.events.all(hosts as string[]);
  }

  private take(rank: number, message: FromSpoke): void {
    const spoke = this.spokes.get(rank)!;
    spoke.silence.heard();
    if (message.say === 'beat') {
      Atomics.store(this.start.calls, rank, message.calls);
      Atomics.store(this.start.work, rank, message.work);
    } else if (message.say === 'bye') spoke.left = true;
    else if (message.say === 'failed') this.fail(message.why);
  }

  private lost(rank: number): void {
    const { left, host = '' } = this.spokes.get(rank)!;
    if (left || this.closing) return;
    this.fail(
      `${nameOf({ rank, host })} has ended, and the others are not done: its own message, or that of what has started it, says why`,
    );
  }

  private toAll(message: FromHub): void {
    for (const { socket } of this.spokes.values()) if (socket) send(socket, message);
  }
}
