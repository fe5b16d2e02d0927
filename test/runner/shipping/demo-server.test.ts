import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DemoOptions, DemoServer } from '../../../src/runner/shipping/demo-server.js';
import { serveDemo } from '../../../src/runner/shipping/demo-server.js';
import { temporaryFolder, writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const servers: DemoServer[] = [];

beforeAll(async () => {
  await writeFiles(at('web'), {
    'dws.json': '{}',
    'onnx/model.onnx_data': 'weights',
    'with space+plus.txt': 'spaced',
    '.secret': 'hidden',
    '.git/config': 'hidden',
    'gallery/0.webp': 'sheet',
  });
  await writeFiles(at('outside'), { 'key.txt': 'private', index: 'private' });
  await symlink(at('outside', 'key.txt'), at('web', 'link.txt'));
  await symlink(at('outside'), at('web', 'linked'));
  await symlink(at('web', '.secret'), at('web', 'renamed.txt'));
  await symlink(at('web', 'dws.json'), at('web', 'inside.json'));
  await mkdir(at('web', 'folder'));
  await symlink(at('outside', 'index'), at('web', 'folder', 'index'));
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const builtPage = () => writeFiles(at('page'), { 'index.html': '<title>page</title>', 'assets/a.js': '1' });

async function start(options: Partial<DemoOptions> = {}): Promise<DemoServer> {
  await builtPage();
  const server = await serveDemo(at('web'), { host: '127.0.0.1', port: 0, page: at('page'), ...options });
  servers.push(server);
  return server;
}

interface Reply {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

/** As sent: `fetch` would tidy `..` away. */
const get = ({ url }: DemoServer, target: string, options: { method?: string; range?: string } = {}): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const headers = options.range ? { range: options.range } : {};
    request({ hostname, port, path: target, method: options.method ?? 'GET', headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });

describe('files', () => {
  it('the page lies at /, the folder beside it, ONNX Runtime below /ort/', async () => {
    const server = await start();
    expect(await get(server, '/')).toMatchObject({ status: 200, body: '<title>page</title>' });
    expect(await get(server, '/?device=wasm')).toMatchObject({ status: 200, body: '<title>page</title>' });
    expect(await get(server, '/assets/a.js')).toMatchObject({ status: 200, body: '1' });
    expect(await get(server, '/dws.json')).toMatchObject({ status: 200, body: '{}' });
    expect(await get(server, '/onnx/model.onnx_data')).toMatchObject({ status: 200, body: 'weights' });
    expect(await get(server, '/with%20space+plus.txt')).toMatchObject({ status: 200, body: 'spaced' });
    expect(await get(server, '/inside.json')).toMatchObject({ status: 200, body: '{}' });
    const wasm = await get(server, '/ort/ort-wasm-simd-threaded.wasm', { method: 'HEAD' });
    expect(wasm).toMatchObject({ status: 200, headers: { 'content-type': 'application/wasm' } });
  });

  it('every answer has the headers that threads need', async () => {
    const server = await start();
    for (const target of ['/', '/dws.json', '/none', '/ort/ort-wasm-simd-threaded.mjs']) {
      const { headers } = await get(server, target, { method: 'HEAD' });
      expect(headers).toMatchObject({
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      });
    }
  });

  it('every answer has a policy under which the page gets nothing from elsewhere, refusals too', async () => {
    const server = await start();
    for (const target of ['/', '/dws.json', '/none', '/assets/a.js', '/ort/ort-wasm-simd-threaded.mjs']) {
      const { headers } = await get(server, target, { method: 'HEAD' });
      const policy = String(headers['content-security-policy']).split('; ');
      expect(policy, target).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
      for (const name of ['base-uri', 'form-action', 'frame-ancestors']) expect(policy).toContain(`${name} 'none'`);
      expect(policy.join()).not.toMatch(/unsafe-inline|'unsafe-eval'|\*|https?:|data:/);
    }
  });

  it('nothing outside the folder and nothing hidden is served, however it is written', async () => {
    const server = await start();
    const refused = [
      '/../outside/key.txt',
      '/%2e%2e/outside/key.txt',
      '/..%2foutside%2fkey.txt',
      '/onnx/../../outside/key.txt',
      '/..%5coutside%5ckey.txt',
      '/%252e%252e/outside/key.txt',
      '//etc/passwd',
      '/etc/passwd',
      '/%2fetc%2fpasswd',
      '/link.txt',
      '/linked/key.txt',
      '/folder',
      '/folder/',
      '/folder/index',
      '/.secret',
      '/%2esecret',
      '/.git/config',
      '/renamed.txt',
      '/dws.json%00.txt',
      '/%zz',
      '/onnx',
      '/onnx/',
      '/ort/../package.json',
      '/ort/%2e%2e/package.json',
      '/ort/..%2fpackage.json',
      'http://127.0.0.1/../outside/key.txt',
    ];
    for (const target of refused) {
      expect(await get(server, target), target).toMatchObject({ status: 404, body: 'not found\n' });
    }
  });

  it('only reading is allowed, of parts too; a senseless range gets the whole file', async () => {
    const server = await start();
    expect(await get(server, '/dws.json', { method: 'PUT' })).toMatchObject({ status: 405 });
    const weights = (range: string) => get(server, '/onnx/model.onnx_data', { range });
    expect(await weights('bytes=2-4')).toMatchObject({ status: 206, body: 'igh' });
    expect(await weights('bytes=70-71')).toMatchObject({ status: 416, body: '' });
    for (const senseless of ['bytes=5-2', 'bytes=-', 'bytes=a-b', 'bytes=0-1,3-4', 'lines=1-2']) {
      expect(await weights(senseless), senseless).toMatchObject({ status: 200, body: 'weights' });
    }
  });
});

describe('the addresses that are told', () => {
  it('are those that other machines reach it by, where it listens to them, and none else', async () => {
    expect((await start()).outwardUrls).toEqual([]);
    const open = await start({ host: '0.0.0.0' });
    const external = Object.values(networkInterfaces()).flatMap((all) =>
      (all ?? []).filter(({ internal }) => !internal),
    );
    const { port } = new URL(open.url);
    expect(open.outwardUrls).toEqual(
      external.filter(({ family }) => family === 'IPv4').map(({ address }) => `http://${address}:${port}/`),
    );
    for (const url of open.outwardUrls) expect((await get({ ...open, url }, '/')).status).toBe(200);
  });
});

describe('what a person may get wrong', () => {
  it('a port in use', async () => {
    const port = Number(new URL((await start()).url).port);
    await expect(start({ port })).rejects.toThrow(`port ${port} is in use. Give another with --port`);
  });

  it('an unknown host', async () => {
    await expect(start({ host: 'nowhere.invalid' })).rejects.toThrow(/--host nowhere\.invalid .*Give 127\.0\.0\.1/);
  });

  it('an address of another machine', async () => {
    await expect(start({ host: '192.0.2.1' })).rejects.toThrow(/--host 192\.0\.2\.1 is no address of this machine/);
  });

  it('a missing folder', async () => {
    const missing = serveDemo(at('none'), { host: '127.0.0.1', port: 0 });
    await expect(missing).rejects.toThrow(/can't read the folder .*none: no such file or folder/);
  });

  it('a file in place of a folder', async () => {
    await writeFile(at('file'), '');
    await expect(serveDemo(at('file'), { host: '127.0.0.1', port: 0 })).rejects.toThrow(/file is no folder/);
  });

  it('a folder that dws export did not write', async () => {
    await expect(serveDemo(at('outside'), { host: '127.0.0.1', port: 0 })).rejects.toThrow(
      /outside has no dws\.json\. Make such a folder with dws export/,
    );
  });

  it('a page that is not built', async () => {
    await expect(start({ page: at('outside') })).rejects.toThrow(/the page is missing from .*npm run build/);
  });
});
