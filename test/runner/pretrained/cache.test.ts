import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import type { CacheOptions } from '../../../src/runner/pretrained/cache.js';
import { cachedWeights, sha256Of, weightsFolder } from '../../../src/runner/pretrained/cache.js';
import { content, digits, file, first, serve, status, whole, withoutRanges } from './weights-server.js';

const HALF = content.length / 2;
/** Fails soon, and waits long for what comes. */
const patience = { tries: 3, pause: 1, stall: 30_000 };
/** Of stopping. */
const reason = new Error('stop');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dws-weights-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const get = (address: string, options: CacheOptions = {}) =>
  cachedWeights(file, { address, folder, patience, ...options });
const place = () => join(folder, file);

/** Waits until so many bytes are on the disk. */
const kept = (bytes: number) =>
  vi.waitFor(async () => expect((await stat(`${place()}.part`)).size).toBe(bytes), { timeout: 10_000 });

/** The next `count` bytes; the connection breaks once they are kept, for Node.js may drop those that were not read yet. */
const broken = (count: number) =>
  first(count, async ({ from, response }) => {
    await kept(from + count);
    response.destroy();
  });

/** The error of a download that fails. */
const failure = async (address: string, options: CacheOptions = {}): Promise<string> => {
  const error: unknown = await get(address, options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
};

/** The file is whole, and nothing else is in the folder. */
async function expectWhole(): Promise<void> {
  expect(content.equals(await readFile(place()))).toBe(true);
  expect(await readdir(folder)).toEqual([file]);
}

describe('a file that is not there', () => {
  it('is downloaded once, with progress up to its length', async () => {
    const { address, requests } = await serve(whole());
    const progress: [number, number][] = [];
    const found = await get(address, { onProgress: (...at) => progress.push(at) });
    expect(found).toEqual({ path: place(), sha256: expect.stringMatching(`^${digits}[0-9a-f]{56}$`) });
    await expectWhole();
    expect(progress[0]).toEqual([0, content.length]);
    expect(progress.at(-1)).toEqual([content.length, content.length]);
    expect(progress.map(([done]) => done)).toEqual(progress.map(([done]) => done).sort((a, b) => a - b));

    expect(await get(address)).toEqual(found);
    expect(requests).toEqual([0]);
  });

  it('is downloaded into a folder that is made for it', async () => {
    const { address } = await serve(whole());
    folder = join(folder, 'a', 'weights');
    await get(address);
    await expectWhole();
  });
});

describe('a broken download', () => {
  it('goes on where the connection broke', async () => {
    const { address, requests } = await serve(broken(HALF), broken(1000), whole());
    await get(address);
    await expectWhole();
    expect(requests).toEqual([0, HALF, HALF + 1000]);
  });

  it('goes on where an earlier process was stopped', async () => {
    const { address, requests } = await serve(
      first(HALF, () => undefined),
      whole(),
    );
    const controller = new AbortController();
    const onProgress = (done: number) => done === HALF && controller.abort(reason);
    await expect(get(address, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(await readdir(folder)).toEqual([`${file}.part`]);

    await get(address);
    await expectWhole();
    expect(requests).toEqual([0, HALF]);
  });

  it('starts again where the server has no ranges', async () => {
    const { address, requests } = await serve(broken(HALF), withoutRanges());
    await get(address);
    await expectWhole();
    expect(requests).toEqual([0, HALF]);
  });

  it('starts again where the server has a file of another length now', async () => {
    const { address, requests } = await serve(broken(HALF), whole(Buffer.alloc(content.length + 1)), whole());
    await get(address);
    await expectWhole();
    expect(requests).toEqual([0, HALF, 0]);
  });

  it('starts again from the parts of another file', async () => {
    await writeFile(`${place()}.part`, Buffer.alloc(1000));
    const { address, requests } = await serve(whole());
    await get(address);
    await expectWhole();
    expect(requests).toEqual([1000, 0]);
  });

  it('starts again from a part that is longer than the file', async () => {
    await writeFile(`${place()}.part`, Buffer.alloc(content.length + 1));
    const { address, requests } = await serve(whole());
    await get(address);
    await expectWhole();
    expect(requests).toEqual([content.length + 1, 0]);
  });

  it('that has all bytes already needs no more of them', async () => {
    await writeFile(`${place()}.part`, content);
    const { address, requests } = await serve(whole());
    await get(address);
    await expectWhole();
    expect(requests).toEqual([content.length]);
  });

  it('is tried again when nothing comes any more', async () => {
    const { address, requests } = await serve(
      first(HALF, () => undefined),
      whole(),
    );
    await get(address, { patience: { ...patience, stall: 200 } });
    await expectWhole();
    expect(requests).toEqual([0, HALF]);
  });

  it('is tried again when the server is busy', async () => {
    const { address, requests } = await serve(status(503), status(429), whole());
    await get(address);
    await expectWhole();
    expect(requests).toEqual([0, 0, 0]);
  });

  it('is given up after some tries that bring nothing, and what has come is kept', async () => {
    const { address, requests } = await serve(broken(HALF), broken(0));
    const message = await failure(address);
    expect(message).toMatch(/^can't download http.*: the connection broke off .*What has come is kept/);
    expect(requests).toEqual([0, HALF, HALF, HALF]);
    expect(await readdir(folder)).toEqual([`${file}.part`]);
  });
});

describe('a file that is not the published one', () => {
  const wrong = Buffer.from('<html>Please log in</html>');
  const wrongDigits = '39bb8635';

  it('is removed after the download, with an error that names both hashes', async () => {
    const { address, requests } = await serve(whole(wrong));
    const message = await failure(address);
    expect(message).toContain(`is not ${address}${file} and was removed`);
    expect(message).toContain(`SHA-256 begins with ${wrongDigits}, not with ${digits}`);
    expect(requests).toEqual([0]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is removed from the cache', async () => {
    await writeFile(place(), wrong);
    const { address, requests } = await serve(whole());
    expect(await failure(address)).toContain(`${place()} is not ${address}${file} and was removed`);
    expect(requests).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('without the file on the server', () => {
  /** How to place it by hand. */
  const advice = (address: string) =>
    `Fetch ${address}${file} by other means and put it at ${place()}, or give its path`;

  it('404 is told at once, with how to place the file by hand', async () => {
    const { address, requests } = await serve(status(404));
    const message = await failure(address);
    expect(message).toContain(`can't download ${address}${file}: the server answers 404 Not Found.`);
    expect(message).toContain(advice(address));
    expect(message).toContain('--pretrained PATH');
    expect(requests).toEqual([0]);
  });

  it('a refused connection is told, with how to place the file by hand', async () => {
    const { address, close } = await serve(whole());
    await close();
    const message = await failure(address);
    expect(message).toMatch(/the connection was refused \(ECONNREFUSED\)/);
    expect(message).toContain(advice(address));
  });

  it('a server whose name nobody knows is told, with how to place the file by hand', async () => {
    const message = await failure('http://nowhere.invalid/');
    expect(message).toMatch(/the server's name can't be resolved; is there a network\? \((ENOTFOUND|EAI_AGAIN)\)/);
    expect(message).toContain(advice('http://nowhere.invalid/'));
  });

  it('a file that was placed by hand is taken', async () => {
    await writeFile(place(), content);
    expect(await get('http://nowhere.invalid/')).toMatchObject({ path: place() });
  });
});

describe('the disk', () => {
  it.skipIf(process.platform !== 'linux')('when full, is told and left without a part', async () => {
    await symlink('/dev/full', `${place()}.part`);
    const { address } = await serve(whole());
    expect(await failure(address)).toContain(`can't write ${place()}.part: the disk is full`);
    expect(await readdir(folder)).toEqual([]);
  });

  it('when it has no place for the cache, is told', async () => {
    const { address } = await serve(whole());
    await writeFile(join(folder, 'a'), '');
    folder = join(folder, 'a', 'b');
    expect(await failure(address)).toContain(`can't write to the folder ${folder}`);
    folder = join(folder, '..', '..');
  });
});

describe('two at once', () => {
  /** A process that wants the file, and the lines that it prints. */
  function start(address: string) {
    const script = fileURLToPath(new URL('fetch-weights.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, file, address, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface(child.stdout);
    return { child, lines, ended: once(child, 'close') };
  }

  it('processes download it once: the second waits, says so, and finds it', async () => {
    const both: ReturnType<typeof start>[] = [];
    const { address, requests } = await serve(
      first(HALF, async ({ response }) => {
        const second = start(address);
        both.push(second);
        expect(await once(second.lines, 'line')).toEqual(['waiting']);
        second.lines.on('line', (line) => printed.push(line));
        response.end(content.subarray(HALF));
      }),
    );
    const printed: string[] = [];
    const one = start(address);
    expect(await once(one.lines, 'line')).toEqual([place()]);
    await one.ended;
    const [code] = await both[0]!.ended;
    expect(code).toBe(0);
    expect(printed).toEqual([place()]);
    expect(requests).toEqual([0]);
    await expectWhole();
  });

  it('the second takes over, and goes on, when the first was killed', async () => {
    const { address, requests } = await serve(
      first(HALF, async () => {
        await kept(HALF);
        killed.child.kill('SIGKILL');
      }),
      whole(),
    );
    const killed = start(address);
    await killed.ended;
    expect((await readdir(folder)).sort()).toEqual([`${file}.lock`, `${file}.part`]);
    // The lock is from long ago.
    await utimes(`${place()}.lock`, 0, 0);
    await get(address);
    await expectWhole();
    expect(requests).toEqual([0, HALF]);
  });

  it('waiting ends when it is aborted', async () => {
    const { address, requests } = await serve(whole());
    await mkdir(`${place()}.lock`);
    const controller = new AbortController();
    const onWaiting = () => controller.abort(reason);
    await expect(get(address, { signal: controller.signal, onWaiting })).rejects.toBe(reason);
    expect(requests).toEqual([]);
  });
});

describe('weightsFolder', () => {
  it("is in the user's cache folder, or where DWS_CACHE says", async () => {
    vi.stubEnv('DWS_CACHE', '');
    expect(await weightsFolder()).toMatch(/[/\\]dws[/\\]([Cc]ache[/\\])?weights$/);
    vi.stubEnv('DWS_CACHE', join('/my', 'cache'));
    expect(await weightsFolder()).toBe(join('/my', 'cache', 'weights'));
  });
});

describe('sha256Of', () => {
  it('is that of the content', async () => {
    await writeFile(place(), 'abc');
    expect(await sha256Of(place())).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('names a file that is not there', async () => {
    await expect(sha256Of(place())).rejects.toThrow(`can't read ${place()}: no such file`);
  });
});
