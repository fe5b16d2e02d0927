/** Models that the browser keeps, each in a cache of its own, whole or not at all. */
import { modelPrefix, wholeFile } from './names.js';
import type { Version } from './version.js';
import { modelBytes, versionOf } from './version.js';

/** Newest last. */
export async function keptKeys(scope: string): Promise<string[]> {
  const keys: string[] = [];
  for (const name of await caches.keys()) {
    if (!name.startsWith(modelPrefix(scope))) continue;
    const cache = await caches.open(name);
    if (await cache.match(scope + wholeFile)) keys.push(name.slice(modelPrefix(scope).length));
  }
  return keys;
}

const lockOf = (scope: string, key: string): string => `${modelPrefix(scope)}${key}`;

/** Keeps a model from being forgotten for as long as this page is open. */
export function hold(scope: string, key: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const forGood = () => (resolve(), new Promise<void>(() => undefined));
    navigator.locks.request(lockOf(scope, key), { mode: 'shared' }, forGood).catch(reject);
  });
}

/** Forgets all models but one, and those that open pages have begun with: these go when another page begins. */
export async function forgetOthers(scope: string, kept: string): Promise<void> {
  for (const name of await caches.keys()) {
    if (!name.startsWith(modelPrefix(scope)) || name === modelPrefix(scope) + kept) continue;
    await navigator.locks.request(
      name,
      { ifAvailable: true },
      async (lock) => void (lock && (await caches.delete(name))),
    );
  }
}

const sizeOf = async (cache: Cache, url: string): Promise<number> => (await (await cache.match(url))!.blob()).size;

async function fill(scope: string, cache: Cache, { files, texts, key }: Version): Promise<void> {
  let modelSize = 0;
  for (const { name, bytes } of files) {
    const url = new URL(name, scope).href;
    const response = await fetch(url, { cache: 'no-cache' });
    if (!response.ok) throw new Error(`${name}: the server answers ${response.status}`);
    await cache.put(url, response);
    const size = await sizeOf(cache, url);
    if (bytes !== undefined && size !== bytes) throw new Error(`${name} has ${size} bytes in place of ${bytes}`);
    if (!name.startsWith('gallery/')) modelSize += size;
  }
  if (modelSize !== modelBytes(texts)) throw new Error('the model has another size than dws.json says');
  // Another model may have come meanwhile: its files would be among these.
  if ((await versionOf(scope))?.key !== key) throw new Error('the model was replaced meanwhile');
  for (const [name, text] of texts) {
    await cache.put(new URL(name, scope).href, new Response(text, { headers: { 'Content-Type': 'application/json' } }));
  }
  await cache.put(scope + wholeFile, new Response());
}

/**
 * Fetches all files of a model and its gallery.
 *
 * @param scope the page's folder
 * @throws Error for files that do not belong together or are not to be had, DOMException `QuotaExceededError`; nothing of it stays
 */
export async function keep(scope: string, version: Version): Promise<void> {
  const name = modelPrefix(scope) + version.key;
  await caches.delete(name);
  try {
    await fill(scope, await caches.open(name), version);
  } catch (error) {
    await caches.delete(name);
    throw error;
  }
}
