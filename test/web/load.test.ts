import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadHooks, Progress } from '../../src/web/load.js';
import { folderUrl, loadBytes, loadJson } from '../../src/web/load.js';

const body = Buffer.alloc(300_000, 7);

const answers: Record<string, RequestListener> = {
  '/whole': (_, response) => void response.writeHead(200, { 'Content-Length': body.length }).end(body),
  '/small': (_, response) => void response.writeHead(200).end(body.subarray(0, 60_000)),
  '/chunked': (_, response) => void response.writeHead(200).end(body),
  '/gzip': (_, response) => void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(body)),
  '/cut': (_, response) => {
    response.writeHead(200, { 'Content-Length': body.length });
    response.write(body.subarray(0, 1000), () => response.destroy());
  },
  '/slow': (_, response) => void response.writeHead(200, { 'Content-Length': body.length }).write(body.subarray(0, 10)),
  '/absurd': (_, response) => {
    response.writeHead(200, { 'Content-Length': 2 ** 52 });
    response.write(body);
  },
  '/endless': (_, response) => {
    response.writeHead(200);
    const more = () => response.write(body, more);
    more();
  },
  '/empty': (_, response) => void response.writeHead(204).end(),
  '/page.json': (_, response) => void response.writeHead(200).end('<!doctype html>'),
};

const server = createServer((request, response) => {
  const answer = answers[request.url!];
  if (answer) answer(request, response);
  else response.writeHead(404).end();
});
let folder: URL;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  folder = folderUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const bound = { bytes: body.length, code: 'bad-model', by: 'dws.json says' } as const;
const load = (file: string, hooks: LoadHooks = {}, from = folder) => loadBytes(from, file, bound, hooks);

const network = expect.objectContaining({ name: 'DwsWebError', code: 'network' });

describe('loadBytes', () => {
  it.each(['whole', 'chunked', 'gzip'])('loads an answer that is %s', async (file) => {
    const seen: Progress[] = [];
    const bytes = await load(file, { onProgress: (progress) => seen.push(progress) });
    expect(body.equals(bytes)).toBe(true);
    expect(seen.at(-1)).toEqual({ file, loaded: body.length, total: file === 'whole' ? body.length : undefined });
  });

  it('names the file that is missing, cut off or out of reach', async () => {
    await expect(load('none')).rejects.toEqual(network);
    await expect(load('none')).rejects.toThrow(/none is not to be had: .*\/none answers 404/);
    await expect(load('cut')).rejects.toEqual(network);
    await expect(load('cut')).rejects.toThrow(/cut broke off after 1000 bytes/);
    const nowhere = new URL('http://127.0.0.1:9/');
    await expect(load('model.onnx', {}, nowhere)).rejects.toEqual(network);
    await expect(load('model.onnx', {}, nowhere)).rejects.toThrow(/model.onnx can't be fetched/);
  });

  it("ends with the signal's reason before it loads", async () => {
    const reason = new Error('enough');
    await expect(load('whole', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it.each(['slow', 'small', 'whole', 'chunked'])(
    "ends with the signal's reason while it loads an answer that is %s",
    async (file) => {
      const reason = new Error('enough');
      const controller = new AbortController();
      const onProgress = () => controller.abort(reason);
      await expect(load(file, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    },
  );
});

describe('bounds', () => {
  it.each(['absurd', 'endless'])('an answer that is %s ends at what the file may have', async (file) => {
    const seen: number[] = [];
    const loading = load(file, { onProgress: ({ loaded }) => seen.push(loaded) });
    await expect(loading).rejects.toEqual(expect.objectContaining({ name: 'DwsWebError', code: 'bad-model' }));
    await expect(loading).rejects.toThrow(`${file} is longer than the ${body.length} bytes that dws.json says.`);
    expect(seen.every((loaded) => loaded <= body.length)).toBe(true);
  });

  it('memory that is not there is told', async () => {
    const most = { bytes: 2 ** 53, code: 'bad-gallery', by: 'nobody says' } as const;
    const loading = loadBytes(folder, 'absurd', most);
    await expect(loading).rejects.toEqual(expect.objectContaining({ name: 'DwsWebError', code: 'bad-gallery' }));
    await expect(loading).rejects.toThrow(`There is no memory left for absurd, ${2 ** 52} bytes.`);
  });

  it('an answer without content is told', async () => {
    await expect(load('empty')).rejects.toEqual(network);
    await expect(load('empty')).rejects.toThrow(/empty came without any content from .*\/empty/);
  });

  it('JSON has one too', async () => {
    const loading = loadJson(folder, 'endless', 2 ** 20, 'bad-gallery');
    await expect(loading).rejects.toThrow('endless is longer than the 1048576 bytes that such a file may have.');
  });
});

describe('loadJson', () => {
  it('refuses a page that a server sends in place of the file', async () => {
    const error = expect.objectContaining({ code: 'bad-gallery' });
    await expect(loadJson(folder, 'page.json', 2 ** 20, 'bad-gallery')).rejects.toEqual(error);
  });
});

describe('folderUrl', () => {
  it('ends in a slash', () => {
    expect(folderUrl('http://a.b/c').href).toBe('http://a.b/c/');
    expect(folderUrl('http://a.b/c/?v=1').href).toBe('http://a.b/c/?v=1');
  });
});
