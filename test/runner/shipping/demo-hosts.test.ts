import { connect } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import type { DemoOptions, DemoServer } from '../../../src/runner/shipping/demo-server.js';
import { serveDemo } from '../../../src/runner/shipping/demo-server.js';
import { temporaryFolder, writeFiles } from '../data/images.js';
import path from 'node:path';

const folder = temporaryFolder();
const servers: DemoServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(options: Partial<DemoOptions> = {}) {
  const [web, page] = ['web', 'page'].map((name) => path.join(folder.path, name));
  await writeFiles(web!, { 'dws.json': '{}' });
  await writeFiles(page!, { 'index.html': 'page' });
  const server = await serveDemo(web!, { host: '127.0.0.1', port: 0, page, ...options });
  servers.push(server);
  const { port } = new URL(server.url);
  /** Sends these lines as they are; the answer's status and body. */
  const ask = (lines: readonly string[], version = '1.1') =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), '127.0.0.1', () => {
        socket.write([`GET /dws.json HTTP/${version}`, ...lines, 'Connection: close', '', ''].join('\r\n'), 'latin1');
      });
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      socket.on('error', reject).on('end', () => {
        const [head = '', body = ''] = text.split('\r\n\r\n');
        resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), body });
      });
    });
  const statusFor = async (host: string) => (await ask([`Host: ${host}`])).status;
  return { port, ask, statusFor };
}

const addresses = Object.values(networkInterfaces())
  .flatMap((found) => found ?? [])
  .map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));

describe('the Host header', () => {
  it('of this machine is answered, with the port and without', async () => {
    const { port, ask, statusFor } = await start();
    for (const name of ['localhost', '127.0.0.1', '[::1]', 'LOCALHOST', 'localhost.']) {
      expect(await statusFor(name), name).toBe(200);
      expect(await statusFor(`${name}:${port}`), name).toBe(200);
    }
    expect(await ask([`Host: localhost:${port}`])).toMatchObject({
      status: 200,
      body: expect.stringContaining('{}') as string,
    });
  });

  it('of another name or port is refused, and told what to do', async () => {
    const { port, ask, statusFor } = await start();
    const others = [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '192.0.2.1',
      '[2001:db8::1]',
      hostname(),
      '0.0.0.0',
    ];
    for (const name of others) {
      expect(await statusFor(name), name).toBe(403);
      expect(await statusFor(`${name}:${port}`), name).toBe(403);
    }
    expect(await statusFor('localhost:1')).toBe(403);
    const { body } = await ask([`Host: evil.example:${port}`]);
    expect(body).toMatch(/does not answer as evil\.example:\d+/);
    expect(body).toContain('--allow-host evil.example\n');
    expect(body).not.toContain('{}');
  });

  it('of an address or the name of the machine is answered where all of them are listened on', async () => {
    const { port, statusFor } = await start({ host: '0.0.0.0' });
    for (const name of [...addresses, hostname(), '0.0.0.0', 'localhost']) {
      expect(await statusFor(name), name).toBe(200);
      expect(await statusFor(`${name}:${port}`), name).toBe(200);
    }
    expect(await statusFor('evil.example')).toBe(403);
    expect(await statusFor('192.0.2.1')).toBe(403);
  });

  it('of an allowed name is answered, with any port: a proxy has its own', async () => {
    const { statusFor } = await start({ allowHost: ['MyBox.local', '2001:db8::1', 'bücher.example'] });
    for (const host of [
      'mybox.local',
      'mybox.local:8443',
      'mybox.local.',
      '[2001:db8::1]:1',
      'xn--bcher-kva.example',
    ]) {
      expect(await statusFor(host), host).toBe(200);
    }
    expect(await statusFor('other.local')).toBe(403);
    expect(await statusFor('a.mybox.local')).toBe(403);
  });

  it('is there once, and is a name', async () => {
    const { ask, statusFor } = await start();
    const malformed = [
      '',
      'a b',
      'localhost/',
      'me@localhost',
      'localhost:x',
      'localhost:99999',
      '[::1',
      '::1',
      'localhost,evil.example',
      '%',
    ];
    for (const host of malformed.filter((text) => text !== 'localhost,evil.example')) {
      expect(await statusFor(host), host).toBe(400);
    }
    expect(await statusFor('localhost,evil.example')).toBe(403);
    for (const [lines, version] of [
      [[], '1.1'],
      [[], '1.0'],
      [['Host: localhost', 'Host: localhost'], '1.1'],
      [['Host: localhost', 'Host: evil.example'], '1.1'],
      [['Host: evil.example', 'host: localhost'], '1.1'],
    ] as const) {
      const { status, body } = await ask(lines, version);
      expect(status, lines.join()).toBe(400);
      expect(body).toContain('one Host header');
    }
  });

  it.each(['http://mybox.local', 'mybox.local:8080', 'my box', '*.local', '', 'a/b', 'mybox.local:'])(
    'to allow has to be a name: "%s"',
    async (name) => {
      await expect(start({ allowHost: [name] })).rejects.toThrow(
        /--allow-host .* is no name\. Give one as mybox\.local/,
      );
    },
  );
});
