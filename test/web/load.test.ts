import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Progress } from '../../src/web/load.js';
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

const network = expect.objectContaining({ name: 'DwsWebError', code: 'network' });

describe('loadBytes', () => {
  it.each(['whole', 'chunked', 'gzip'])('loads an answer that is %s', async (file) => {
    const seen: Progress[] = [];
    const bytes = await loadBytes(folder, file, { onProgress: (progress) => seen.push(progress) });
    expect(body.equals(bytes)).toBe(true);
    expect(seen.at(-1)).toEqual({ file, loaded: body.length, total: file === 'whole' ? body.length : undefined });
  });

  it('names the file that is missing, cut off or out of reach', async () => {
    await expect(loadBytes(folder, 'none')).rejects.toEqual(network);
    await expect(loadBytes(folder, 'none')).rejects.toThrow(/none is not to be had: .*\/none answers 404/);
    await expect(loadBytes(folder, 'cut')).rejects.toEqual(network);
    await expect(loadBytes(folder, 'cut')).rejects.toThrow(/cut broke off after 1000 bytes/);
    const nowhere = new URL('http://127.0.0.1:9/');
    await expect(loadBytes(nowhere, 'model.onnx')).rejects.toEqual(network);
    await expect(loadBytes(nowhere, 'model.onnx')).rejects.toThrow(/model.onnx can't be fetched/);
  });

  it("ends with the signal's reason before it loads", async () => {
    const reason = new Error('enough');
    await expect(loadBytes(folder, 'whole', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it.each(['slow', 'small', 'whole', 'chunked'])(
    "ends with the signal's reason while it loads an answer that is %s",
    async (file) => {
      const reason = new Error('enough');
      const controller = new AbortController();
      const onProgress = () => controller.abort(reason);
      await expect(loadBytes(folder, file, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    },
  );
});

describe('loadJson', () => {
  it('refuses a page that a server sends in place of the file', async () => {
    const error = expect.objectContaining({ code: 'bad-gallery' });
    await expect(loadJson(folder, 'page.json', 'bad-gallery')).rejects.toEqual(error);
  });
});

describe('folderUrl', () => {
  it('ends in a slash', () => {
    expect(folderUrl('http://a.b/c').href).toBe('http://a.b/c/');
    expect(folderUrl('http://a.b/c/?v=1').href).toBe('http://a.b/c/?v=1');
  });
});
