import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { create } from 'tar';
import { UserError } from '../../../src/runner/base/errors.js';
import { packageFolder } from '../../../src/runner/compute/onnxruntime-folder.js';
import type { CudaInstallOptions } from '../../../src/runner/cuda/install.js';
import { installCudaProvider, removeCudaProvider, requireCudaSystem } from '../../../src/runner/cuda/install.js';
import type { CudaVersion } from '../../../src/runner/cuda/provider.js';
import { noteFile } from '../../../src/runner/compute/provider-note.js';
import { cuda13Folder, cuda13Package, providerFile, sharedFile } from '../../../src/runner/cuda/provider.js';
import type { FetchPackage } from '../../../src/runner/prepare/packages.js';
import { tarballName } from '../../../src/runner/prepare/packages.js';
import { cudaProvider } from '../../helpers/elf.js';
import type { ProviderServer } from '../../helpers/provider-server.js';
import { hasOpenssl, startProviderServer } from '../../helpers/provider-server.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, 'install', ...names);
const onnxruntime = () => at('node_modules/onnxruntime-node');
const binding = () => at('node_modules/onnxruntime-node/bin/napi-v6/linux/x64');

let server: ProviderServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** onnxruntime-node with its script, beside what that imports, and the empty files of an installation of dws. */
beforeEach(async () => {
  await rm(at(), { recursive: true, force: true });
  await mkdir(binding(), { recursive: true });
  const installed = path.dirname(packageFolder);
  for (const name of await readdir(installed))
    if (name !== 'onnxruntime-node') await symlink(path.join(installed, name), at('node_modules', name));
  await cp(path.join(packageFolder, 'script'), path.join(onnxruntime(), 'script'), { recursive: true });
  for (const name of [providerFile, sharedFile]) await writeFile(path.join(binding(), name), '');
});

/** The third party's package with a provider in it, as a registry gives it. */
async function thirdParty(provider: Buffer): Promise<Pick<CudaInstallOptions, 'fetchPackage' | 'wanted'>> {
  const source = at('source');
  await mkdir(path.join(source, cuda13Folder), { recursive: true });
  await writeFile(path.join(source, cuda13Folder, providerFile), provider);
  await writeFile(path.join(source, cuda13Folder, sharedFile), 'shared');
  const tarball = at('package.tgz');
  await create({ file: tarball, gzip: true, cwd: source }, ['package']);
  const integrity = `sha512-${createHash('sha512')
    .update(await readFile(tarball))
    .digest('base64')}`;
  const fetchPackage: FetchPackage = (wanted, to) => cp(tarball, path.join(to, tarballName(wanted)));
  return { fetchPackage, wanted: { ...cuda13Package, integrity } };
}

const install = (options: Partial<CudaInstallOptions> & { cuda: CudaVersion }) =>
  installCudaProvider({ onnxruntime: onnxruntime(), binding: binding(), cacheFolder: at('cache'), ...options });

/** What lies in the package's folders: nothing half-written among it. */
const files = async () => [...(await readdir(onnxruntime())).sort(), ...(await readdir(binding())).sort()];
const untouched = ['bin', 'script', providerFile, sharedFile];
const size = async (name: string) => (await stat(path.join(binding(), name))).size;

describe('for CUDA 13, the package of a third party', () => {
  it('is put in place, told when it is there already, and removed', async () => {
    const given = await thirdParty(cudaProvider(13));
    const asked: string[] = [];
    const beforeFetch = () => Promise.resolve(void asked.push('asked'));
    const { provider, created, before } = await install({ cuda: 13, ...given, beforeFetch });
    expect([created, before, provider.cuda]).toEqual([true, undefined, 13]);
    expect(provider.note).toMatchObject({
      version: '1.29.0',
      from: 'com.github.asus4.onnxruntime.linux-x64-gpu 0.4.9',
    });
    expect(await files()).toEqual(['bin', 'script', noteFile, providerFile, sharedFile]);
    const fetchPackage: FetchPackage = () => expect.unreachable('fetched');
    expect(await install({ cuda: 13, ...given, fetchPackage, beforeFetch })).toMatchObject({ created: false });
    expect(asked).toEqual(['asked']);
    expect(await removeCudaProvider(binding())).toMatchObject({ cuda: 13 });
    expect(await readdir(binding())).toEqual([]);
    expect(await removeCudaProvider(binding())).toBeUndefined();
  });

  it('replaces one for another version of CUDA, and no file of that is left that is its own', async () => {
    await writeFile(path.join(binding(), providerFile), cudaProvider(12));
    const { created, before, provider } = await install({ cuda: 13, ...(await thirdParty(cudaProvider(13))) });
    expect([created, before!.cuda, provider.cuda]).toEqual([true, 12, 13]);
  });

  it.each([
    ['is not the pinned one', cudaProvider(13), { wanted: cuda13Package }, 'is not the com.github.asus4'],
    ['is for another version of CUDA', cudaProvider(12), {}, 'is for CUDA 12, not for CUDA 13. Nothing was changed.'],
    ['holds something else', Buffer.from('text'), {}, 'is no provider for CUDA, not for CUDA 13'],
  ])('is refused when it %s', async (_, content, other, words) => {
    const installing = install({ cuda: 13, ...(await thirdParty(content)), ...other });
    await expect(installing).rejects.toThrow(UserError);
    await expect(installing).rejects.toThrow(words);
    expect(await files()).toEqual(untouched);
    expect(await size(providerFile)).toBe(0);
  });

  it('without a network is told, and leaves everything as it was', async () => {
    const fetchPackage: FetchPackage = () => Promise.reject(new UserError('no network'));
    await expect(install({ cuda: 13, fetchPackage })).rejects.toThrow(/can't fetch com\.github\.asus4.*: no network/);
    expect(await files()).toEqual(untouched);
  });

  it('is not waited for when it is stopped, and leaves everything as it was', async () => {
    const stop = new AbortController();
    const fetchPackage: FetchPackage = (_wanted, _to, signal) =>
      new Promise((_, reject) => {
        signal!.addEventListener('abort', () => reject(new Error('killed')));
        stop.abort();
      });
    const stopped = await install({ cuda: 13, fetchPackage, signal: stop.signal }).catch((error: unknown) => error);
    expect(stopped).toBe(stop.signal.reason);
    expect(await files()).toEqual(untouched);
    expect(await readdir(at('cache'))).toEqual([]);
  });

  it('is not fetched when it is not agreed to', async () => {
    const fetchPackage: FetchPackage = () => expect.unreachable('fetched');
    const beforeFetch = () => Promise.reject(new UserError('no'));
    await expect(install({ cuda: 13, fetchPackage, beforeFetch })).rejects.toThrow('no');
    expect(await files()).toEqual(untouched);
  });
});

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64' || !hasOpenssl)('for CUDA 12', () => {
  const serve = async (content: Buffer, isReachable = true) => {
    server = await startProviderServer(at(), isReachable, () => content);
    return { env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', ...server.env } };
  };

  it("onnxruntime-node's own script fetches it, and its files are put in place whole", async () => {
    const { provider, created } = await install({ cuda: 12, ...(await serve(cudaProvider(12))) });
    expect([created, provider.cuda, provider.note!.from]).toEqual([true, 12, "onnxruntime-node's own script"]);
    expect(await readdir(onnxruntime())).toEqual(['bin', 'script']);
  });

  it('what is fetched is refused when it is something else', async () => {
    await expect(install({ cuda: 12, ...(await serve(Buffer.from('a page of a proxy'))) })).rejects.toThrow(
      'is no provider for CUDA, not for CUDA 12',
    );
    expect(await files()).toEqual(untouched);
  });

  it('without a network is told in a line, and leaves everything as it was', async () => {
    const installing = install({ cuda: 12, ...(await serve(cudaProvider(12), false)) });
    await expect(installing).rejects.toThrow(UserError);
    await expect(installing).rejects.toThrow(
      /script could not fetch the provider for CUDA 12: \S.*\nIt needs a network/,
    );
    expect(await files()).toEqual(untouched);
  });
});

it('other systems are told that there is none', () => {
  expect(() => requireCudaSystem('darwin', 'arm64')).toThrow('for linux x64 only, this is darwin arm64');
  expect(() => requireCudaSystem('linux', 'x64')).not.toThrow();
});
