/** The watch of every rank but rank 0, to which it is connected. */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { FromHub, Meeting, WatchStart } from './watch-messages.js';
import { receive, send, Silence, ticksOfTimeout } from './watch-messages.js';
import type { Watched, WatchEvents } from './watched.js';

export class Spoke implements Watched {
  private hub: Socket | undefined;
  private readonly trying = new Set<Socket>();
  private readonly silence = new Silence(ticksOfTimeout);
  private closing = false;
  private hubName = 'rank 0';

  constructor(
    private readonly start: WatchStart,
    private readonly events: WatchEvents,
    private readonly meeting: Meeting,
  ) {
    for (const address of meeting.addresses) this.dial(address);
  }

  tick(): void {
    if (this.closing) return;
    const { calls, work, rank, timeoutSeconds, host } = this.start;
    if (this.hub) send(this.hub, { say: 'beat', calls: Atomics.load(calls, rank), work: Atomics.load(work, rank) });
    if (!this.silence.tick()) return;
    const { addresses, port } = this.meeting;
    const why = this.hub
      ? `${this.hubName} has not been heard of for ${timeoutSeconds} s: it is stopped, or its machine or the network is`
      : `rank ${rank} on ${host} can't connect to rank 0 (port ${port} of ${addresses.join(', ')}): between the machines, all TCP ports have to be open`;
    this.events.gone(why);
  }

  fail(why: string): void {
    if (this.hub) send(this.hub, { say: 'failed', why });
    this.events.gone(why);
  }

  bye(): void {
    this.closing = true;
    if (this.hub) send(this.hub, { say: 'bye' });
    this.hub?.end();
    this.events.left();
  }

  private dial(address: string): void {
    const { rank, host } = this.start;
    const socket = connect({ host: address, port: this.meeting.port });
    this.trying.add(socket);
    socket.on('connect', () => send(socket, { say: 'hello', token: this.meeting.token, rank, host }));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.lost(socket));
    receive<FromHub>(socket, (message) => message && this.take(socket, message));
  }

  private take(socket: Socket, message: FromHub): void {
    this.silence.heard();
    if (message.say === 'welcome') this.settle(socket);
    else if (message.say === 'all') {
      this.hubName = `rank 0 on ${message.hosts[0]}`;
      this.events.all(message.hosts);
    } else if (message.say === 'beat') this.note(message);
    else if (message.say === 'gone') this.events.gone(message.why);
    else this.closing = true;
  }

  private settle(socket: Socket): void {
    this.hub = socket;
    for (const other of this.trying) if (other !== socket) other.destroy();
    this.trying.clear();
  }

  /** Of all ranks but this one, whose threads know better. */
  private note(beat: { calls: readonly number[]; work: readonly number[] }): void {
    for (const what of ['calls', 'work'] as const)
      beat[what].forEach((number, rank) => rank !== this.start.rank && Atomics.store(this.start[what], rank, number));
  }

  private lost(socket: Socket): void {
    this.trying.delete(socket);
    if (socket !== this.hub || this.closing) return;
    this.events.gone(
      `${this.hubName} has ended, and the others are not done: its own message, or that of what has started it, says why`,
    );
  }
}
