import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import {
  cachedPackage,
  npmFailure,
  readPackageFile,
  tarballName,
  userCacheFolder,
} from '../../../src/runner/prepare/packages.js';
import type { FetchPackage } from '../../../src/runner/prepare/packages.js';

const content = 'the tarball';
const wanted = {
  name: '@scope/name',
  version: '1.2.3',
  integrity: `sha512-${createHash('sha512').update(content).digest('base64')}`,
};

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'dws-packages-'));
});
afterEach(async () => {
  await rm(cache, { recursive: true, force: true });
});

const fetchText =
  (text: string): FetchPackage =>
  (pinned, folder) =>
    writeFile(join(folder, tarballName(pinned)), text);
const noFetch: FetchPackage = () => expect.unreachable('fetched');

describe('cachedPackage', () => {
  it('fetches a package once', async () => {
    const path = await cachedPackage(wanted, cache, fetchText(content));
    expect(path).toBe(join(cache, 'scope-name-1.2.3.tgz'));
    expect(await readFile(path, 'utf8')).toBe(content);
    expect(await cachedPackage(wanted, cache, noFetch)).toBe(path);
    expect(await readdir(cache)).toEqual(['scope-name-1.2.3.tgz']);
  });

  it('removes and refuses a fetched tarball that is not the pinned one', async () => {
    const fetching = cachedPackage(wanted, cache, fetchText('another'));
    await expect(fetching).rejects.toThrow('is not the @scope/name 1.2.3 that was expected');
    expect(await readdir(cache)).toEqual([]);
  });

  it('removes and refuses a cached tarball that is not the pinned one', async () => {
    await writeFile(join(cache, tarballName(wanted)), 'altered');
    await expect(cachedPackage(wanted, cache, noFetch)).rejects.toThrow(UserError);
    expect(await readdir(cache)).toEqual([]);
  });

  it('says how to place the tarball by hand when it cannot be fetched', async () => {
    const fetching = cachedPackage(wanted, cache, () => Promise.reject(new UserError('no network')));
    await expect(fetching).rejects.toThrow(
      new UserError(
        `can't fetch @scope/name 1.2.3: no network\n` +
          `Without a network, run 'npm pack @scope/name@1.2.3' on a machine that has one ` +
          `and put the file scope-name-1.2.3.tgz into ${cache}`,
      ),
    );
    expect(await readdir(cache)).toEqual([]);
  });

  it('names a cache folder that cannot be written to', async () => {
    await writeFile(join(cache, 'file'), '');
    await expect(cachedPackage(wanted, join(cache, 'file', 'cache'), noFetch)).rejects.toThrow(UserError);
  });
});

describe('readPackageFile', () => {
  it('names a tarball that is none', async () => {
    const path = join(cache, 'x.tgz');
    await writeFile(path, content);
    await expect(readPackageFile(path, 'icons.json')).rejects.toThrow(path);
  });
});

describe('npmFailure', () => {
  it("takes npm's summary, or what it printed instead", () => {
    expect(npmFailure('{"error":{"code":"E404","summary":"not found\\nmore","detail":"long"}}')).toBe('not found');
    expect(npmFailure('[]')).toBe('[]');
    expect(npmFailure('Cannot find module\n')).toBe('Cannot find module');
  });
});

describe('userCacheFolder', () => {
  it.each<[NodeJS.Platform, Record<string, string>, string]>([
    ['linux', {}, join('/home/a', '.cache', 'dws')],
    ['linux', { XDG_CACHE_HOME: '/cache' }, join('/cache', 'dws')],
    ['linux', { XDG_CACHE_HOME: '' }, join('/home/a', '.cache', 'dws')],
    ['darwin', {}, join('/home/a', 'Library', 'Caches', 'dws')],
    ['win32', { LOCALAPPDATA: '/local' }, join('/local', 'dws')],
    ['win32', {}, join('/home/a', 'AppData', 'Local', 'dws')],
  ])("follows the platform's custom: %s %j", (platform, env, expected) => {
    expect(userCacheFolder(platform, env, '/home/a')).toBe(expected);
  });
});
