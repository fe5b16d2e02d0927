/** Serves the page of examples/web with a folder of `dws export --web` beside it. */
import { once } from 'node:events';
import { realpath, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';
import { fileBelow, namesOf } from './demo-files.js';
import { anyHost, inUrl, outwardAddresses, readAllowed, refusalOf } from './demo-hosts.js';
import { UserError } from '../base/errors.js';
import { errorCode, fileError } from '../base/files.js';
import { recoverShipped } from '../web-folder/folder.js';

export interface DemoOptions {
  /** Name or address to listen on. */
  host: string;
  /** 0 for any that is free. */
  port: number;
  /** More names that it answers to, with any port: those of a proxy or a router. Default: none. */
  allowHost?: readonly string[];
  /** Folder with the built page; the package's own unless given. */
  page?: string;
}

export interface DemoServer {
  /** `http://127.0.0.1:8080/`. */
  url: string;
  /** The same by every address that others reach this machine by; none where it listens to itself alone. */
  outwardUrls: string[];
  /** Whether the folder has a gallery to search. */
  hasGallery: boolean;
  close(): Promise<void>;
}

const headers = {
  // Under these two, browsers allow SharedArrayBuffer, and so threads.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // Nothing but what is served here; the page shows a person's own images as blobs.
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "connect-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
};

/** The page as `npm run build` made it, from `src` and from `dist` alike. */
const builtPage = fileURLToPath(new URL('../../../dist/demo', import.meta.url));

/** ONNX Runtime's files for browsers. */
const ortFolder = () => path.dirname(fileURLToPath(import.meta.resolve('onnxruntime-web')));

/** One range with a beginning and an end, as the page asks for; servers may answer all others with the whole file. */
function isPlainRange(range: string | undefined): boolean {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(range ?? '') ?? [];
  return first !== undefined && Number(first) <= Number(last);
}

type Handler = (request: IncomingMessage, response: ServerResponse, names: string[]) => Promise<boolean>;

/** Answers for the files of a folder; false when it has no such file. */
async function folderHandler(folder: string): Promise<Handler> {
  const root = await realpath(folder);
  const send = sirv(root, { dev: true, etag: true, extensions: [] });
  return async (request, response, names) => {
    if ((await fileBelow(root, names)) === undefined) return false;
    request.url = encodeURI(`/${names.join('/')}`);
    return new Promise((resolve) => {
      response.once('close', () => resolve(true));
      send(request, response, () => resolve(false));
    });
  };
}

/** @throws UserError unless `folder` is there and holds what `dws export --web` writes */
async function checkFolder(folder: string): Promise<{ hasGallery: boolean }> {
  const found = await stat(folder).catch(() => undefined);
  if (found && !found.isDirectory()) throw new UserError(`${folder} is no folder. Give what dws export --web wrote.`);
  await recoverShipped(folder);
  const root = await realpath(folder).catch((error: unknown) => {
    throw fileError(`can't read the folder ${folder}`, error);
  });
  if ((await fileBelow(root, ['dws.json'])) === undefined) {
    throw new UserError(`${folder} has no dws.json. Make such a folder with dws export --checkpoint FILE --web DIR.`);
  }
  return { hasGallery: (await fileBelow(root, ['gallery', 'gallery.json'])) !== undefined };
}

async function checkPage(page: string): Promise<void> {
  const root = await realpath(page).catch(() => undefined);
  if (root !== undefined && (await fileBelow(root, ['index.html'])) !== undefined) return;
  throw new UserError(`the page is missing from ${page}. Build it with npm run build.`);
}

const listenReasons: Record<string, (options: DemoOptions) => string> = {
  EADDRINUSE: ({ port }) => `port ${port} is in use. Give another with --port, or --port 0 for any that is free.`,
  EACCES: ({ port }) => `port ${port} may not be used by this account. Give one above 1023 with --port.`,
  EADDRNOTAVAIL: ({ host }) => `--host ${host} is no address of this machine. Give 127.0.0.1, or 0.0.0.0 for all.`,
  ENOTFOUND: ({ host }) => `--host ${host} is not known. Give 127.0.0.1, or 0.0.0.0 for all of this machine's.`,
  EAI_AGAIN: ({ host }) => `--host ${host} can't be looked up. Give 127.0.0.1, or 0.0.0.0 for all of this machine's.`,
};

/** An address for the browser of this machine. */
const urlOf = (host: string, port: number): string => `http://${inUrl(anyHost[host] ?? host)}:${port}/`;

/**
 * Serves, with the headers that threads need: the page at `/`, the folder's files beside it, ONNX Runtime's WebAssembly
 * below `/ort/`. Nothing else is served: no hidden file, no folder, nothing outside the folder, also where links lead there.
 * Only requests to names that it listens as, or that are allowed, are answered.
 *
 * @param folder what `dws export --web` and `dws gallery` wrote
 * @throws UserError when the folder is not there or holds no `dws.json`, the page is not built, host and port can't
 *   be listened on, or a name of `allowHost` is none
 */
export async function serveDemo(folder: string, options: DemoOptions): Promise<DemoServer> {
  const allowed = readAllowed(options.allowHost ?? []);
  const { hasGallery } = await checkFolder(folder);
  const pageFolder = options.page ?? builtPage;
  await checkPage(pageFolder);
  const [page, data, ort] = await Promise.all([pageFolder, folder, ortFolder()].map(folderHandler));

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const { address, port } = server.address() as AddressInfo;
    const refusal = refusalOf(request.headersDistinct['host'] ?? [], { host: options.host, address, port, allowed });
    if (refusal) {
      response.writeHead(refusal.status, { 'Content-Type': 'text/plain' }).end(refusal.text);
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
      return;
    }
    if (!isPlainRange(request.headers.range)) delete request.headers.range;
    const url = request.url ?? '';
    const names = /^\/(?:[?#]|$)/.test(url) ? ['index.html'] : namesOf(url);
    const inOrt = names?.[0] === 'ort' && names.length > 1;
    const found = names && (inOrt ? await ort!(request, response, names.slice(1)) : await first(names));
    if (!found) response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found\n');

    async function first(wanted: string[]): Promise<boolean> {
      return (await page!(request, response, wanted)) || (await data!(request, response, wanted));
    }
  };
  // Where address space is limited, Node.js 22 can't load it (with its fetch, which wants 10 GB): only who serves needs to.
  const { createServer } = await import('node:http');
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const { host, port } = options;
  server.listen(port, host);
  await once(server, 'listening').catch((error: unknown) => {
    const reason = listenReasons[errorCode(error) ?? '']?.(options);
    throw reason === undefined ? fileError(`can't listen on ${host} port ${port}`, error) : new UserError(reason);
  });
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: urlOf(host, actual),
    outwardUrls: Object.hasOwn(anyHost, host) ? outwardAddresses().map((address) => urlOf(address, actual)) : [],
    hasGallery,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
