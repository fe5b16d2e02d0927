/** A real browser for tests: Debian's Chromium, driven by playwright-core. */
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';
import sirv from 'sirv';

/** Where Chromium is: `CHROMIUM` in the environment, else where Debian puts it; undefined when there is none. */
export const chromiumPath = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => {
  try {
    accessSync(path ?? '', constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

/** For `describe.skipIf`, in the name of what is skipped. */
export const needsChromium = chromiumPath ? '' : ' (skipped: no Chromium; apt-get install chromium, or set CHROMIUM)';

/** WebGPU without a GPU: Chromium's own software Vulkan driver. */
const softwareWebGpu = [
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan,WebGPU',
  '--use-webgpu-adapter=swiftshader',
  '--use-vulkan=swiftshader',
  '--ignore-gpu-blocklist',
];

export function launchChromium({ webgpu = false } = {}): Promise<Browser> {
  const args = ['--no-sandbox', ...(webgpu ? softwareWebGpu : [])];
  return chromium.launch({ executablePath: chromiumPath!, args });
}

export interface TestServer {
  /** `http://127.0.0.1:PORT`. */
  origin: string;
  close(): Promise<void>;
}

/** Headers under which browsers allow SharedArrayBuffer, and so threads. */
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

interface ServeOptions {
  isolated?: boolean;
  cached?: boolean;
  headers?: Record<string, string>;
}

/**
 * Serves folders on loopback.
 *
 * @param mounts folder by URL prefix, such as `{ '/': 'dist', '/ort/': 'node_modules/onnxruntime-web/dist' }`; longest first
 * @param isolated whether pages may use threads
 * @param cached whether browsers may keep what they get
 * @param headers of every answer
 */
export async function serve(
  mounts: Record<string, string>,
  { isolated = false, cached = false, headers = {} }: ServeOptions = {},
): Promise<TestServer> {
  const handlers = Object.entries(mounts)
    .sort(([a], [b]) => b.length - a.length)
    .map(([prefix, folder]) => ({ prefix, handle: sirv(folder, { dev: true, etag: false }) }));
  const server = createServer((request, response) => {
    const given = { ...(isolated && isolation), ...headers };
    for (const [name, value] of Object.entries(given)) response.setHeader(name, value);
    if (cached) response.setHeader('Cache-Control', 'max-age=3600');
    const mount = handlers.find(({ prefix }) => request.url!.startsWith(prefix));
    const missing = () => void response.writeHead(404).end();
    if (!mount) return missing();
    request.url = request.url!.slice(mount.prefix.length - 1);
    mount.handle(request, response, missing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}
