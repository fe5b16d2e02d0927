import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { dynamicOf } from '../../../src/runner/cuda/elf.js';
import { findElsewhere, findLibrary, libraryPathOf, parseCache } from '../../../src/runner/cuda/loader.js';
import { elf } from '../../helpers/elf.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

async function library(...names: string[]): Promise<string> {
  await mkdir(path.dirname(at(...names)), { recursive: true });
  await writeFile(at(...names), '');
  return at(...names);
}

describe('what a library asks for', () => {
  it('is read from its headers', async () => {
    const asked = { needed: ['libcudart.so.13', 'libc.so.6'], runpath: '$ORIGIN:/opt/lib' };
    await writeFile(at('a.so'), elf(asked));
    expect(await dynamicOf(at('a.so'))).toEqual({ needed: asked.needed, rpath: [], runpath: ['$ORIGIN', '/opt/lib'] });
  });

  it('is nothing for a file that is none, or that ends too early', async () => {
    await writeFile(at('b.so'), 'no library');
    expect(await dynamicOf(at('b.so'))).toBeUndefined();
    const whole = elf({ needed: ['libc.so.6'] });
    for (let bytes = 0; bytes < whole.length; bytes++) {
      await writeFile(at('c.so'), whole.subarray(0, bytes));
      expect(await dynamicOf(at('c.so'))).toBeUndefined();
    }
  });

  it.skipIf(process.platform !== 'linux')('is the C library for Node.js', async () => {
    expect((await dynamicOf(process.execPath))!.needed).toContain('libc.so.6');
  });
});

describe('a library is found', () => {
  it("as the loader finds it: the asking one's RPATH, LD_LIBRARY_PATH, its RUNPATH, the cache, the usual folders", async () => {
    const name = 'libx.so.1';
    const files = {
      rpath: await library('rpath', name),
      path: await library('path', name),
      runpath: await library('own/runpath', name),
      cache: await library('cache', name),
      usual: await library('usual', name),
    };
    const all = {
      libraryPath: [at('none'), at('path')],
      cache: new Map([[name, files.cache]]),
      defaults: [at('usual')],
    };
    const asking = { folder: at('own'), rpath: [at('rpath')], runpath: ['$ORIGIN/runpath'] };
    expect(await findLibrary(name, all, { ...asking, runpath: [] })).toBe(files.rpath);
    // A RUNPATH turns the RPATH off.
    expect(await findLibrary(name, all, asking)).toBe(files.path);
    expect(await findLibrary(name, { ...all, libraryPath: [] }, asking)).toBe(files.runpath);
    expect(await findLibrary(name, { ...all, libraryPath: [] })).toBe(files.cache);
    expect(await findLibrary(name, { ...all, libraryPath: [], cache: new Map() })).toBe(files.usual);
    expect(await findLibrary('liby.so.1', all)).toBeUndefined();
  });

  it('not where a link leads nowhere, nor where a cache that is old has it', async () => {
    await mkdir(at('links'));
    await symlink(at('gone'), at('links', 'libz.so'));
    const places = { libraryPath: [at('links')], cache: new Map([['libz.so', at('gone')]]), defaults: [] };
    expect(await findLibrary('libz.so', places)).toBeUndefined();
  });

  it('elsewhere, in folders of any version', async () => {
    const file = await library('local/cuda-13.1/lib64', 'libcudart.so.13');
    expect(await findElsewhere('libcudart.so.13', [at('nowhere*/lib64'), at('local/cuda*/lib64')])).toBe(file);
    expect(await findElsewhere('libcudart.so.12', [at('local/cuda*/lib64')])).toBeUndefined();
  });
});

it("the cache's listing has a library once, of this architecture", () => {
  const listing = [
    "3 libs found in cache `/etc/ld.so.cache'",
    '\tlibm.so.6 (libc6) => /lib32/libm.so.6',
    '\tlibm.so.6 (libc6,x86-64, OS ABI: Linux 3.2.0) => /lib64/libm.so.6',
    '\tlibm.so.6 (libc6,x86-64) => /usr/lib64/libm.so.6',
  ];
  expect(parseCache(listing.join('\n'))).toEqual(new Map([['libm.so.6', '/lib64/libm.so.6']]));
});

it('LD_LIBRARY_PATH is parted as the loader parts it', () => {
  expect(libraryPathOf('/a:/b;/c')).toEqual(['/a', '/b', '/c']);
  expect(libraryPathOf('/a:')).toEqual(['/a', '.']);
  for (const none of ['', undefined]) expect(libraryPathOf(none)).toEqual([]);
});
