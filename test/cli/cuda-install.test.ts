import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { create } from 'tar';
import { bindingFolder } from '../../src/runner/compute/onnxruntime-folder.js';
import { cuda13Package, installedProvider } from '../../src/runner/cuda/provider.js';
import { temporaryFolder } from '../runner/data/images.js';
import { dws, main } from './dws.js';

const folder = temporaryFolder();
const hasProvider = (await installedProvider(bindingFolder)) !== undefined;
const canInstall = process.platform === 'linux' && process.arch === 'x64' && !hasProvider;

let server: Server | undefined;
afterEach(() => new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve())));

const hasTerminals = spawnSync('script', ['--version']).status === 0;

/** What is printed, and the exit code, where somebody at a terminal presses keys when asked. */
async function atTerminal(keys: string) {
  const command = [process.execPath, main, 'cuda-install', '--cuda', '13'].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } });
  let text = '';
  let isAsked = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (isAsked || !text.includes('[y/N]')) return;
    isAsked = true;
    child.stdin.write(keys);
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, text };
}

/** An npm registry that has another package of the third party's name and version. */
async function otherRegistry(): Promise<string> {
  const { name, version } = cuda13Package;
  await mkdir(path.join(folder.path, 'package'), { recursive: true });
  await writeFile(path.join(folder.path, 'package/package.json'), JSON.stringify({ name, version }));
  const file = path.join(folder.path, 'other.tgz');
  await create({ file, gzip: true, cwd: folder.path }, ['package']);
  const tarball = await readFile(file);
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  server = createServer(({ url = '', headers: { host } }, response) => {
    const dist = { tarball: `http://${host}/other.tgz`, integrity };
    const versions = { [version]: { name, version, dist } };
    const document = JSON.stringify({ name, 'dist-tags': { latest: version }, versions });
    response.end(url.endsWith('.tgz') ? tarball : document);
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const run = (line: string, registry: string) =>
  dws(['cuda-install', ...line.split(' ')], {
    cwd: folder.path,
    env: {
      npm_config_registry: registry,
      npm_config_cache: path.join(folder.path, 'npm'),
      XDG_CACHE_HOME: path.join(folder.path, 'cache'),
    },
  });

describe.skipIf(!canInstall)('dws cuda-install', () => {
  const nobody = 'http://127.0.0.1:9/';

  it('asks for the package of a third party to be agreed to, and says what it is', async () => {
    const { code, stdout, stderr } = await run('--cuda 13', nobody);
    expect(stdout).toContain(`A third party has one of ONNX Runtime 1.29.0`);
    expect(stdout).toContain(`${cuda13Package.name} ${cuda13Package.version}`);
    expect([code, stderr]).toEqual([1, 'dws: dws cuda-install: say --yes to take it.\n']);
  });

  it.skipIf(!hasTerminals).each([
    ['Ctrl-C', '\x03', 130],
    ['Ctrl-D', '\x04', 1],
    ['no', 'n\r', 1],
    ['Enter alone', '\r', 1],
  ])('takes %s for a no, and says in a line that nothing was installed', async (_, keys, code) => {
    const before = await readdir(bindingFolder);
    const ended = await atTerminal(keys);
    expect(ended.text).toMatch(/Take it\? \[y\/N\] [^\n]*\r\n(dws: )?dws cuda-install: nothing was installed\.\r\n$/);
    expect(ended.code).toBe(code);
    expect(await readdir(bindingFolder)).toEqual(before);
  });

  it('refuses what a registry has in its place, and writes nothing', async () => {
    const before = await readdir(bindingFolder);
    const { code, stderr } = await run('--cuda 13 --yes', await otherRegistry());
    expect(stderr).toMatch(/is not the com\.github\.asus4\.\S+ 0\.4\.9 that was expected and was removed/);
    expect(code).toBe(1);
    expect(await readdir(bindingFolder)).toEqual(before);
    expect(await readdir(path.join(folder.path, 'cache/dws/cuda'))).toEqual([]);
  });

  it('tells in a line that there is no network, and what to do', async () => {
    const { code, stderr } = await run('--cuda 13 --yes', nobody);
    expect(stderr).toMatch(
      /^dws: can't fetch com\.github\.asus4\.\S+ 0\.4\.9: .*ECONNREFUSED.*\nWithout a network, run 'npm pack/,
    );
    expect(code).toBe(1);
  });

  it('has nothing to remove, and takes no other version', async () => {
    expect(await run('--remove', nobody)).toMatchObject({ code: 0, stdout: 'there is no CUDA provider to remove\n' });
    expect((await run('--cuda 11', nobody)).stderr).toContain('Known: 12, 13.');
  });
});
