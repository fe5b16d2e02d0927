/** The page of `dws demo` in every browser that is there: a script that is added to it gives it images, and reports what it shows. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoServer } from '../../src/runner/shipping/demo-server.js';
import { serveDemo } from '../../src/runner/shipping/demo-server.js';
import { Visitor, bodyOf, browsers, needs, reportScript } from '../helpers/browsers.js';
import { temporaryFolder } from '../runner/data/images.js';
import { makeWebFolder, picture } from './web-folder.js';

const folder = temporaryFolder();

const drive = `import { report } from './report.js';

const text = (selector) => document.querySelector(selector)?.textContent ?? '';
async function until(get) {
  for (let i = 0; i < 800; i++) {
    if (get()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
async function give(name) {
  const transfer = new DataTransfer();
  transfer.items.add(new File([await (await fetch(name)).blob()], name));
  const input = document.querySelector('#file');
  input.files = transfer.files;
  input.dispatchEvent(new Event('change'));
}
const problems = [];
addEventListener('error', ({ message }) => problems.push(message));
addEventListener('unhandledrejection', ({ reason }) => problems.push(String(reason)));

await until(() => /Web/.test(text('#time-device')));
await give('/check/new.png');
await until(() => text('#results-list .distance'));
const nearest = text('#results-list .label');
await give('/check/half.jpg');
await until(() => text('.notice[data-about=query]'));
await report('', {
  device: text('#time-device'),
  facts: text('#facts'),
  nearest,
  shown: document.querySelectorAll('#results-list li').length,
  refusal: text('.notice[data-about=query]'),
  problems,
});
`;

/** What the demo's server answers; headers that belong to one connection stay behind. */
async function passOn(from: URL, response: ServerResponse, added = ''): Promise<void> {
  const answer = await fetch(from);
  answer.headers.forEach((value, name) => {
    if (!/^(connection|content-length|content-encoding|keep-alive|transfer-encoding)$/.test(name))
      response.setHeader(name, value);
  });
  const body = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status).end(added === '' ? body : body.toString() + added);
}

const script = '<script type="module" src="/check/drive.js"></script>';

/** The demo with the script in its page; what it reports goes to the visitor's server. */
async function serveDriven(demo: DemoServer, control: string, files: Record<string, Buffer | string>): Promise<Server> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = request.url!;
    const file = files[url];
    if (file !== undefined) {
      const type = url.endsWith('.js') ? 'text/javascript' : 'application/octet-stream';
      response.setHeader('Content-Type', type).end(file);
    } else if (url === '/next') await passOn(new URL(url, control), response);
    else if (url === '/report') {
      await fetch(new URL(url, control), { method: 'POST', body: await bodyOf(request) });
      response.end();
    } else await passOn(new URL(url, demo.url), response, url === '/' ? script : '');
  };
  // What a browser still asks for when it is closed is answered by nobody.
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

let demo: DemoServer;
beforeAll(async () => {
  await makeWebFolder(folder.path);
  demo = await serveDemo(path.join(folder.path, 'web'), { host: '127.0.0.1', port: 0 });
});
afterAll(() => demo?.close());

describe.each(browsers)('the page in $name', (kind) => {
  it.skipIf(!kind.program)(`finds the class of an image, and refuses half of a photo${needs(kind)}`, async () => {
    const visitor = await Visitor.start(kind);
    const photo = await picture(0, 0, 200).jpeg().toBuffer();
    const server = await serveDriven(demo, visitor.origin, {
      '/check/drive.js': drive,
      '/check/report.js': reportScript,
      '/check/new.png': await picture(2, 99, 150).png().toBuffer(),
      '/check/half.jpg': photo.subarray(0, photo.length >> 1),
    });
    try {
      const seen = await visitor.visit(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      expect(seen).toMatchObject({ nearest: 'class-2', shown: 12, problems: [] });
      expect(seen).toMatchObject({
        device: expect.stringMatching(/^Web/),
        refusal: expect.stringMatching(/cut short/),
      });
    } finally {
      await visitor.close();
      server.closeAllConnections();
      server.close();
    }
  });
});
