/** Where the page takes its model from: the server, or what the browser has kept of the same model. */
import { keptFolder } from './names.js';
import { hold, keptKeys } from './store.js';
import { ServerGone, versionOf } from './version.js';

export interface Source {
  /** Folder with `dws.json`, `onnx/` and `gallery/`: the same model for as long as the page is open where it is kept. */
  folder: string;
  /** Of what is kept; undefined where it comes from the server. */
  key?: string;
  isServerGone: boolean;
}

/** Milliseconds that a server may take before what is kept is taken. */
const patience = 4000;

/** What the server has now: its version's key, undefined for none, or 'gone'. */
const serversKey = (page: string): Promise<string | undefined> =>
  versionOf(page, AbortSignal.timeout(patience)).then(
    (version) => version?.key,
    (error: unknown) => {
      if (error instanceof ServerGone || (error as DOMException).name === 'TimeoutError') return 'gone';
      throw error;
    },
  );

/** @param page the page's folder on the server */
export async function chooseSource(page: string): Promise<Source> {
  const server: Source = { folder: page, isServerGone: false };
  try {
    // Without its service worker, what is kept can't be had.
    if (!navigator.serviceWorker?.controller || !('locks' in navigator)) return server;
    const kept = await keptKeys(page);
    if (kept.length === 0) return server;
    const there = await serversKey(page);
    const isServerGone = there === 'gone';
    const key = isServerGone ? kept.at(-1)! : kept.find((each) => each === there);
    if (key === undefined) return server;
    await hold(page, key);
    if (!(await keptKeys(page)).includes(key)) return server;
    return { folder: `${page}${keptFolder}${key}/`, key, isServerGone };
  } catch {
    // A browser that keeps nothing, in a private window for example.
    return server;
  }
}
