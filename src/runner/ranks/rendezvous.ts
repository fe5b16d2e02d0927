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

async function untilAll(server: Server, place: Place, own: string, timeoutSeconds: number): Promise<string[]> {
  const texts = new Map([[0, own]]);
  const sockets = new Set<Socket>();
  const all = new Promise<void>((resolve, reject) => {
    server.on('connection', (socket) => {
      socket.on('error', () => socket.destroy());
      receive<Partial<FromRank>>(socket, (message) => {
        const { dws, rank = -1, size, text = '' } = message ?? {};
        if (dws !== 'here' || !Number.isInteger(rank) || rank < 1) return socket.destroy();
        if (size !== place.size || rank >= place.size || texts.has(rank)) {
          reject(new UserError(`rank ${rank} of ${size} has come to rank 0 of ${place.size}: start all of them anew`));
          return;
        }
        texts.set(rank, text);
        sockets.add(socket);
        if (texts.size === place.size) resolve();
      });
    });
  });
  const late = new AbortController();
  const tooLate = setTimeout(timeoutSeconds * 1000, undefined, { signal: late.signal }).then(() => {
    const missing = Array.from({ length: place.size }, (_, rank) => rank).filter((rank) => !texts.has(rank));
    throw new UserError(`rank ${missing.join(', ')} of ${place.size} did not come within ${timeoutSeconds} s`);
  });
  try {
    await Promise.race([all, tooLate]);
  } finally {
    late.abort();
    tooLate.catch(() => undefined);
    if (texts.size < place.size) for (const socket of sockets) socket.destroy();
  }
  const sorted = [...texts].toSorted(([a], [b]) => a - b).map(([, text]) => text);
  for (const socket of sockets) socket.end(`${JSON.stringify({ dws: 'all', texts: sorted } satisfies FromFirst)}\n`);
  return sorted;
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

/** @returns undefined where nobody answers, or not as rank 0 does */
function ask({ host, port }: Address, message: FromRank): Promise<string[] | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => socket.write(`${JSON.stringify(message)}\n`));
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
  while (performance.now() < until) {
    const texts = await ask(address, { dws: 'here', rank, size, text });
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
