/**
 * Starts the page where its server is gone. It keeps the files of one build, and hands out what the page has kept of models; while
 * the server is there, it hands out nothing else than the server does.
 */
import { keptFolder, modelPrefix, pagePrefix } from './names.js';
import { part } from './part.js';

/** Written here by the build: its files, the page itself as '', and a hash of them. */
declare const PAGE: { build: string; files: string[] };

interface LifeEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}

interface FetchEvent extends LifeEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface ServiceWorkerScope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: LifeEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}

const worker = globalThis as unknown as ServiceWorkerScope;
const { scope } = worker.registration;
const pageCache = pagePrefix(scope) + PAGE.build;
const files = new Set(PAGE.files);

async function install(): Promise<void> {
  const cache = await caches.open(pageCache);
  await cache.addAll(PAGE.files.map((file) => new Request(new URL(file, scope), { cache: 'no-cache' })));
  // Names of files have hashes in them: what an older page still asks for is another one.
  await worker.skipWaiting();
}

async function activate(): Promise<void> {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith(pagePrefix(scope)) && name !== pageCache);
  await Promise.all(older.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** What the server answers; where it is gone, or a proxy says so, what is kept. */
async function serverFirst(request: Request, key: string): Promise<Response> {
  const kept = async () => (await caches.open(pageCache)).match(key);
  try {
    const response = await fetch(request);
    return response.status < 500 ? response : ((await kept()) ?? response);
  } catch (error) {
    const found = await kept();
    if (found) return found;
    throw error;
  }
}

async function kept(path: string, range: string | null): Promise<Response> {
  const [key = '', ...names] = path.slice(keptFolder.length).split('/');
  const name = modelPrefix(scope) + key;
  const found = (await caches.has(name)) && (await (await caches.open(name)).match(scope + names.join('/')));
  if (!found) return new Response('not kept\n', { status: 404, headers: { 'Content-Type': 'text/plain' } });
  return range === null ? found : part(found, range);
}

function answer({ request }: FetchEvent): Promise<Response> | undefined {
  const url = new URL(request.url);
  if (request.method !== 'GET' || !url.href.startsWith(scope)) return undefined;
  const path = (url.origin + url.pathname).slice(scope.length);
  if (path.startsWith(keptFolder)) return kept(path, request.headers.get('range'));
  const key = path === 'index.html' ? '' : path;
  return files.has(key) || path.startsWith('ort/') ? serverFirst(request, scope + key) : undefined;
}

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(activate()));
worker.addEventListener('fetch', (event) => {
  const answered = answer(event);
  if (answered) event.respondWith(answered);
});
