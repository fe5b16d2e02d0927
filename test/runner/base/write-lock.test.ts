import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { thisProcess } from '../../../src/runner/base/process-identity.js';
import { WriteLock } from '../../../src/runner/base/write-lock.js';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'dws-lock-'));
  file = path.join(folder, 'run.lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A lock's file as another process writes it. */
const written = (changes: object): Promise<void> =>
  writeFile(
    file,
    JSON.stringify({ ...thisProcess(), token: 'another', since: '2026-01-02T03:04:05.678Z', ...changes }),
  );

/** The number of a process that has ended. */
async function endedPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('close', resolve));
  return child.pid!;
}

describe('a lock', () => {
  it('is had by one, who is named to the others, until it is given back', async () => {
    const lock = await WriteLock.take(file, 'runs/mine');
    await expect(WriteLock.take(file, 'runs/mine')).rejects.toThrow(
      new RegExp(`^runs/mine is being written to by process ${process.pid} on ${os.hostname()}, since 20.*run\\.lock`),
    );
    await lock.requireHeld();
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
    await (await WriteLock.take(file, 'runs/mine')).release();
  });

  it('is had by exactly one of many who want it at once', async () => {
    const takes = await Promise.allSettled(Array.from({ length: 20 }, () => WriteLock.take(file, 'x')));
    const taken = takes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(taken).toHaveLength(1);
    await taken[0]!.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('of a process that is gone is taken over at once, by exactly one', async () => {
    await written({ pid: await endedPid() });
    const takes = await Promise.allSettled(Array.from({ length: 20 }, () => WriteLock.take(file, 'x')));
    expect(takes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it.runIf(process.platform === 'linux')('of a process whose number another one has now is taken over', async () => {
    await written({ began: '1' });
    await (await WriteLock.take(file, 'x')).release();
  });

  it('from before this machine was started anew is taken over at once', async () => {
    await written({ pid: process.pid, world: 'another-boot pid:[4026531836]' });
    const before = new Date(Date.now() - 1000 * (os.uptime() + 60));
    await utimes(file, before, before);
    const told: string[] = [];
    await (await WriteLock.take(file, 'x', { onWaiting: (message) => told.push(message) })).release();
    expect(told).toEqual([]);
  });

  it('of another machine of the same name, which has touched it since, is waited for', async () => {
    await written({ world: 'another-boot pid:[4026531836]' });
    const stop = new AbortController();
    const onWaiting = () => stop.abort();
    await expect(WriteLock.take(file, 'x', { onWaiting, signal: stop.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  it('of a process that is suspended is not taken over', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      child.kill('SIGSTOP');
      await written({ pid: child.pid, began: '' });
      await expect(WriteLock.take(file, 'x')).rejects.toThrow(`process ${child.pid}`);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('can’t be taken where a folder has its name, which is told', async () => {
    await mkdir(file);
    await expect(WriteLock.take(file, 'x')).rejects.toThrow(
      /^can't take the lock .*run\.lock: something else has its name/,
    );
  });

  it('of another machine is waited for, which is told and can be ended', async () => {
    await written({ host: 'elsewhere\n', world: 'another' });
    const stop = new AbortController();
    const told: string[] = [];
    const onWaiting = (message: string) => {
      told.push(message);
      stop.abort();
    };
    await expect(WriteLock.take(file, 'x', { onWaiting, signal: stop.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(told).toEqual([
      expect.stringMatching(/^x is locked by process \d+ on elsewhere\?, since .*: waiting for 30 s/),
    ]);
  });
});

it.runIf(process.platform !== 'win32')('what is no lock but has its name is told', async () => {
  await symlink('nothing', file);
  await expect(WriteLock.take(file, 'x')).rejects.toThrow(
    /^can't take the lock .*run\.lock: something else has its name/,
  );
  await rm(file);
  execFileSync('mkfifo', [file]);
  await expect(WriteLock.take(file, 'x')).rejects.toThrow(/run\.lock: something else has its name, a folder, a pipe/);
});

describe('a holder', () => {
  it('whose lock another one has taken over finds out before it writes, and leaves that lock alone', async () => {
    const lock = await WriteLock.take(file, 'runs/mine');
    await written({ pid: 4711 });
    await expect(lock.requireHeld()).rejects.toThrow(
      /^runs\/mine was taken over by process 4711 on .* while this one slept: nothing more is written there\.$/,
    );
    await expect(lock.requireHeld()).rejects.toThrow(UserError);
    await lock.release();
    expect(await readFile(file, 'utf8')).toContain('4711');
  });

  it('whose lock was removed with its folder has it again', async () => {
    const lock = await WriteLock.take(file, 'x');
    await rm(file);
    await lock.requireHeld();
    await expect(WriteLock.take(file, 'x')).rejects.toThrow(`process ${process.pid}`);
    await lock.release();
  });
});
