/**
 * How ranks without MPI find each other, as torchrun's do: rank 0 listens at MASTER_ADDR and MASTER_PORT. Whoever reaches the port is taken
 * for a rank, as with NCCL itself: for a network that is one's own.
 */
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../base/errors.js';
import type { Place } from './place.js';
import { receive } from './watch-messages.js';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Address {
  host: string;
  port: number;
}

type FromRank = { dws: 'here'; rank: number; size: number; text: string };
type FromFirst = { dws: 'all'; texts: string[] };

/** Milliseconds between two tries to connect. */
const again = 100;

/** @throws UserError for what is no address */
export function addressOf(env: Environment): Address {
  const { MASTER_ADDR: host = '', MASTER_PORT: given = '' } = env;
  const port = Number(given);
  if (host === '' || !/^\d{1,5}$/.test(given) || port < 1 || port >= 65535)
    throw new UserError(
      `the environment has MASTER_ADDR=${host} and MASTER_PORT=${given}: they are to name rank 0's machine and a free port there`,
    );
  // At the port itself, torchrun's agent has a store of its own then.
  return { host, port: port + (env.TORCHELASTIC_USE_AGENT_STORE === 'True' ? 1 : 0) };
}

/** Ranks that have come to rank 0, and whoever else has connected. */
class Arrivals {
  readonly all: Promise<void>;
  private readonly sockets = new Set<Socket>();
  private readonly came = new Map<number, { socket: Socket; text: string }>();

  constructor(
    server: Server,
    private readonly size: number,
  ) {
    this.all = new Promise((resolve, reject) => {
      server.on('connection', (socket) => {
        this.sockets.add(socket);
        socket.on('error', () => socket.destroy());
        receive<Partial<FromRank>>(socket, (message) => {
          const refused = this.take(socket, message);
          if (refused !== undefined) reject(new UserError(refused));
          if (this.came.size === size - 1) resolve();
        });
      });
    });
  }

  missing(): number[] {
    return Array.from({ length: this.size - 1 }, (_, i) => i + 1).filter((rank) => !this.came.has(rank));
  }

  /** @returns by rank */
  answer(own: string): string[] {
    const texts = Array.from({ length: this.size }, (_, rank) => (rank === 0 ? own : this.came.get(rank)!.text));
    const line = `${JSON.stringify({ dws: 'all', texts } satisfies FromFirst)}\n`;
    for (const { socket } of this.came.values()) {
      this.sockets.delete(socket);
      socket.end(line);
    }
    return texts;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** @returns why the ranks can't be brought together */
  private take(socket: Socket, message: Partial<FromRank> | undefined): string | undefined {
    const { dws, rank = -1, size, text = '' } = message ?? {};
    if (dws !== 'here' || !Number.isInteger(rank) || rank < 1) {
      socket.destroy();
      return undefined;
    }
    if (size !== this.size || rank >= size || this.came.has(rank))
      return `rank ${rank} of ${size} has come to rank 0 of ${this.size}: start all of them anew`;
    this.came.set(rank, { socket, text });
    // It may try again.
    socket.on('close', () => this.came.delete(rank));
    return undefined;
  }
}

async function untilAll(server: Server, place: Place, own: string, timeoutSeconds: number): Promise<string[]> {
  const arrivals = new Arrivals(server, place.size);
  const late = new AbortController();
  const tooLate = setTimeout(timeoutSeconds * 1000, undefined, { signal: late.signal }).then(() => {
    const missing = arrivals.missing().join(', ');
    throw new UserError(`rank ${missing} of ${place.size} did not come within ${timeoutSeconds} s`);
  });
  try {
    await Promise.race([arrivals.all, tooLate]);
    return arrivals.answer(own);
  } finally {
    late.abort();
    tooLate.catch(() => undefined);
    arrivals.close();
  }
}

async function asFirst(place: Place, address: Address, own: string, timeoutSeconds: number): Promise<string[]> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new UserError(`rank 0 can't listen at port ${address.port} (MASTER_PORT): ${error.message}`)),
    );
    server.listen(address.port, resolve);
  });
  try {
    return await untilAll(server, place, own, timeoutSeconds);
  } finally {
    server.close();
  }
}

/** @param within milliseconds @returns undefined where nobody answers, or not as rank 0 does */
function ask({ host, port }: Address, message: FromRank, within: number): Promise<string[] | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => socket.write(`${JSON.stringify(message)}\n`));
    socket.setTimeout(within, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(undefined));
    receive<Partial<FromFirst>>(socket, (answer) => {
      if (answer?.dws === 'all') resolve(answer.texts);
      socket.destroy();
    });
  });
}

async function asOther(
  { rank, size }: Place,
  address: Address,
  text: string,
  timeoutSeconds: number,
): Promise<string[]> {
  const until = performance.now() + timeoutSeconds * 1000;
  for (let left = timeoutSeconds * 1000; left > 0; left = until - performance.now()) {
    const texts = await ask(address, { dws: 'here', rank, size, text }, left);
    if (texts) return texts;
    await setTimeout(again);
  }
  throw new UserError(
    `rank 0 does not answer at ${address.host}, port ${address.port} (MASTER_ADDR, MASTER_PORT), for ${timeoutSeconds} s`,
  );
}

/**
 * Gives all ranks what each has to say.
 *
 * @returns by rank
 * @throws UserError when not all come in time
 */
export const meet = (place: Place, address: Address, text: string, timeoutSeconds: number): Promise<string[]> =>
  (place.rank === 0 ? asFirst : asOther)(place, address, text, timeoutSeconds);
