/** What the watchers of the ranks say to each other, a line of JSON each, and to the thread that trains. */
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** Has the id of the process that launches ranks, in theirs. */
export const launcherVariable = 'DWS_RANKS_LAUNCHER';

/** A rank as a person knows it. */
export interface Named {
  rank: number;
  host: string;
}

export const nameOf = ({ rank, host }: Named): string => `rank ${rank} on ${host}`;

/** From a rank to rank 0. */
export type FromSpoke =
  | ({ say: 'hello'; token: string } & Named)
  /** Said in every beat: the number of the call that it is in, or was in last, and what it has done. */
  | { say: 'beat'; calls: number; work: number }
  | { say: 'failed'; why: string }
  | { say: 'bye' };

/** From rank 0 to every other one. */
export type FromHub =
  | { say: 'welcome' }
  | { say: 'all'; hosts: string[] }
  | { say: 'beat'; calls: number[]; work: number[] }
  | { say: 'gone'; why: string }
  | { say: 'bye' };

/** Where rank 0 listens, and a word that nobody else knows. */
export interface Meeting {
  addresses: string[];
  port: number;
  token: string;
}

export interface WatchStart {
  rank: number;
  size: number;
  host: string;
  timeoutSeconds: number;
  /** Of all ranks' calls, the place of each its rank: written by the thread that trains, and of the others by the watcher. */
  calls: Int32Array<SharedArrayBuffer>;
  /** Likewise, what they have done: a number that moves while a rank works, in a call or not. */
  work: Int32Array<SharedArrayBuffer>;
  /** The process that has started them with `launchRanks`, which mpirun outlives when it is killed. */
  launcher: number | undefined;
  /** Whether all ranks are on this machine. */
  local: boolean;
}

export type ToWatcher =
  | { do: 'listen' }
  | { do: 'join'; meeting: Meeting }
  /** Until `null`, the thread is in a call that can't be interrupted, and ends the process by taking too long. */
  | { do: 'expect'; what: string | null }
  | { do: 'fail'; why: string }
  | { do: 'bye' };

export type FromWatcher =
  | { tell: 'listening'; meeting: Meeting }
  | { tell: 'all'; hosts: string[] }
  | { tell: 'gone'; why: string }
  | { tell: 'left' };

/** Longer than any line that is meant; who sends more is nobody of ours. */
const longestLine = 2 ** 20;

export const send = (socket: Socket, message: FromSpoke | FromHub): void => {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
};

/** @param take called with every line, and with undefined for one that is none of ours */
export function receive<Message>(socket: Socket, take: (message: Message | undefined) => void): void {
  let unread = 0;
  socket.on('data', (bytes: Buffer) => {
    unread = bytes.includes(10) ? 0 : unread + bytes.length;
    if (unread > longestLine) socket.destroy();
  });
  const lines = createInterface({ input: socket });
  // It tells of the socket's errors once more.
  lines.on('error', () => socket.destroy());
  lines.on('line', (line) => {
    let message: Message | undefined;
    try {
      message = JSON.parse(line) as Message;
    } catch {
      message = undefined;
    }
    take(message);
  });
}

/**
 * How long others have been silent, in ticks of one's own: a process that was stopped itself, with all the others on Ctrl-Z, does not take
 * the time for their silence.
 */
export class Silence {
  private ticks = 0;

  constructor(private readonly most: number) {}

  heard(): void {
    this.ticks = 0;
  }

  /** Whether it has been too long. */
  tick(): boolean {
    this.ticks++;
    return this.ticks >= this.most;
  }
}

/** Ticks in the time after which somebody silent is gone. */
export const ticksOfTimeout = 10;
