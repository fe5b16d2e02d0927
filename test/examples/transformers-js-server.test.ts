/** The little server of the example; the example itself is tested where transformers.js is installed. */
import { request } from 'node:http';
import type { Server } from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder, writeFiles } from '../runner/data/images.js';

const folder = temporaryFolder();
let server: Server;
let origin: string;

beforeAll(async () => {
  const { serve } = (await import(path.resolve('examples/transformers-js/serve.mjs'))) as {
    serve(mounts: Record<string, string>): Promise<{ server: Server; origin: string }>;
  };
  await writeFiles(folder.path, { 'model/config.json': '{}', 'key.txt': 'private' });
  ({ server, origin } = await serve({ '/model/': path.join(folder.path, 'model') }));
});
afterAll(() => void server.close());

const statusOf = (target: string, host?: string) =>
  new Promise<number>((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    request({ hostname, port, path: target, headers: host === undefined ? {} : { host } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode!));
    })
      .on('error', reject)
      .end();
  });

describe('serve.mjs', () => {
  it('answers as this machine only', async () => {
    for (const host of [undefined, 'localhost', 'LOCALHOST:8000', '127.0.0.1:1']) {
      expect(await statusOf('/model/config.json', host), host).toBe(200);
    }
    for (const host of ['evil.example', 'localhost.evil.example:8000', '127.0.0.1.evil.example']) {
      expect(await statusOf('/model/config.json', host), host).toBe(403);
    }
  });

  it('outlives a path that is none, and serves nothing outside of its folders', async () => {
    for (const target of ['/%zz', '//', '/model/../../key.txt', '/model/..%2f..%2fkey.txt', '/model/%00', '/model']) {
      expect(await statusOf(target), target).toBe(404);
    }
  });
});
