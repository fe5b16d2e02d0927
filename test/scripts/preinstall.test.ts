/** onnxruntime-node's own install script, as npm runs it after the preinstall script of dws, beside a stand-in for the server that it asks. */
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProviderServer } from '../helpers/provider-server.js';
import { hasOpenssl, startProviderServer } from '../helpers/provider-server.js';
import { temporaryFolder } from '../runner/data/images.js';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, 'project', ...names);
const bin = () => at('node_modules/onnxruntime-node/bin/napi-v6/linux/x64');
const libraries = ['cuda', 'shared', 'tensorrt'].map((name) => `libonnxruntime_providers_${name}.so`);

/** Only there does the script fetch anything. */
const canFetch = process.platform === 'linux' && process.arch === 'x64' && hasOpenssl;

let server: ProviderServer | undefined;

/** A project as npm has unpacked it, before it runs any script; without the hundred megabytes of ONNX Runtime. */
beforeEach(async () => {
  await rm(at(), { recursive: true, force: true });
  await mkdir(at('node_modules/dws/scripts'), { recursive: true });
  await copyFile(path.join(checkout, 'scripts/preinstall.mjs'), at('node_modules/dws/scripts/preinstall.mjs'));
  const installed = path.join(checkout, 'node_modules');
  for (const name of await readdir(installed))
    if (!['onnxruntime-node', 'dws'].includes(name))
      await symlink(path.join(installed, name), at('node_modules', name));
  for (const name of ['package.json', 'script'])
    await cp(path.join(installed, 'onnxruntime-node', name), at('node_modules/onnxruntime-node', name), {
      recursive: true,
    });
  await mkdir(bin(), { recursive: true });
  await writeFile(at('package.json'), '{"dependencies":{"dws":"1.0.0"}}');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const script = (file: string, env: Record<string, string>, args: string[] = []) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^npm_|ONNXRUNTIME/.test(name)),
    );
    const given = { ...inherited, npm_config_local_prefix: at(), ...env };
    execFile(process.execPath, [at('node_modules', file), ...args], { env: given }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
const preinstall = (env: Record<string, string> = {}) => script('dws/scripts/preinstall.mjs', env);
const install = (env: Record<string, string>, args: string[] = []) =>
  script('onnxruntime-node/script/install.js', env, args);
const sizes = () => Promise.all(libraries.map(async (name) => (await stat(path.join(bin(), name))).size));

describe.skipIf(!canFetch)('on Linux x64', () => {
  it.each([true, false])(
    'nothing is asked for, and the installation goes well (server reachable: %s)',
    async (there) => {
      server = await startProviderServer(folder.path, there);
      expect(await preinstall(server.env)).toEqual({ code: 0, output: '' });
      expect(await install(server.env)).toEqual({ code: 0, output: '' });
      expect(server.requests).toEqual([]);
      expect(await sizes()).toEqual([0, 0, 0]);
    },
  );

  it('without it, the script fetches, and fails where it cannot: the tests would see it', async () => {
    server = await startProviderServer(folder.path, false);
    expect((await install(server.env)).code).not.toBe(0);
    expect(server.requests.length).toBeGreaterThan(0);
  });

  it('the CUDA provider comes with the line of the README afterwards, or with its setting at once', async () => {
    server = await startProviderServer(folder.path);
    await preinstall(server.env);
    expect(await install(server.env, ['--onnxruntime-node-install'])).toEqual({
      code: 0,
      output: expect.any(String) as string,
    });
    expect(server.requests).toHaveLength(3);
    expect(await readFile(path.join(bin(), libraries[0]!), 'utf8')).toMatch(/^stands in for/);
    await rm(bin(), { recursive: true });
    const env = { ...server.env, ONNXRUNTIME_NODE_INSTALL: 'cuda12' };
    await preinstall(env);
    await expect(stat(bin())).rejects.toThrow();
    expect(await install(env)).toEqual({ code: 0, output: expect.stringContaining('Extracting') as string });
    expect(Math.min(...(await sizes()))).toBeGreaterThan(0);
  });
});

describe('what it leaves alone', () => {
  it('a project that uses onnxruntime-node itself', async () => {
    await writeFile(at('package.json'), '{"devDependencies":{"onnxruntime-node":"1.29.0"}}');
    expect(await preinstall()).toEqual({ code: 0, output: '' });
    expect(await readdir(bin())).toEqual([]);
  });

  it('libraries that are there', async () => {
    await writeFile(path.join(bin(), libraries[0]!), 'real');
    await preinstall();
    expect(await readFile(path.join(bin(), libraries[0]!), 'utf8')).toBe('real');
  });

  it('an installation in which it cannot do its work, but says so', async () => {
    await rm(at('node_modules/onnxruntime-node'), { recursive: true });
    const { code, output } = await preinstall();
    expect(output).toMatch(/^dws: onnxruntime-node may fetch its CUDA provider now \(.*onnxruntime-node/);
    expect(code).toBe(0);
  });
});
