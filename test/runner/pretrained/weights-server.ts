/** An HTTP server on loopback that gives one file, as well or as badly as a test wants. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

/** Bytes without a pattern that a lost or doubled chunk could hide in. */
export const content = Buffer.from(Uint8Array.from({ length: 400_000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24));

/** The digits that the file's name should hold. */
export const digits = createHash('sha256').update(content).digest('hex').slice(0, 8);
export const file = `net-${digits}.pth`;

export interface Request {
  /** The first byte asked for; 0 without a Range header. */
  from: number;
  response: ServerResponse;
}

type Answer = (request: Request) => void | Promise<void>;

/** Where the bytes of a Range request begin. */
const startOf = (request: IncomingMessage): number =>
  Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);

function head({ from, response }: Request, bytes: Buffer): Buffer {
  const rest = bytes.subarray(from);
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': rest.length,
    ...(from > 0 && { 'content-range': range }),
  });
  return rest;
}

/** The file, or the rest of it. */
export const whole =
  (bytes = content): Answer =>
  (request) => {
    if (request.from < bytes.length) request.response.end(head(request, bytes));
    else request.response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
  };

/** The file, whatever is asked for. */
export const withoutRanges =
  (bytes = content): Answer =>
  ({ response }) =>
    whole(bytes)({ from: 0, response });

/** The next `count` bytes, then what `then` does. */
export const first =
  (count: number, then: Answer): Answer =>
  (request) => {
    const rest = head(request, content).subarray(0, count);
    request.response.write(rest, () => void then(request));
  };

export const status =
  (code: number): Answer =>
  ({ response }) =>
    void response.writeHead(code).end();

const servers: Server[] = [];

/**
 * Starts a server, until the end of the test.
 *
 * @param answers of the first requests; the last of them also answers all others
 * @returns its address, the requests so far by their first byte, and what ends it
 */
export async function serve(...answers: Answer[]) {
  const requests: number[] = [];
  const server = createServer((request, response) => {
    const from = startOf(request);
    const answer = answers[Math.min(requests.length, answers.length - 1)]!;
    requests.push(from);
    void answer({ from, response });
  });
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/`;
  return { address, requests, close: () => new Promise((closed) => void server.close(closed)) };
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
