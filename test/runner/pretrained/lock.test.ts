import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { withLock } from '../../../src/runner/pretrained/lock.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dws-lock-'));
  path = join(folder, 'file');
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

it('lets one task run at a time, and leaves no lock', async () => {
  const events: string[] = [];
  let waiting = 0;
  const task = (name: string) =>
    withLock(path, { onWaiting: () => waiting++ }, async () => {
      events.push(`${name} begins`);
      await vi.waitFor(() => expect(waiting).toBe(1));
      events.push(`${name} ends`);
      return name;
    });
  expect((await Promise.all([task('one'), task('two')])).sort()).toEqual(['one', 'two']);
  const [first, second] = events[0] === 'one begins' ? ['one', 'two'] : ['two', 'one'];
  expect(events).toEqual([`${first} begins`, `${first} ends`, `${second} begins`, `${second} ends`]);
  expect(await readdir(folder)).toEqual([]);
});

it('is free again after a task that fails', async () => {
  const failing = withLock(path, {}, () => Promise.reject(new Error('broken')));
  await expect(failing).rejects.toThrow('broken');
  expect(await withLock(path, {}, () => Promise.resolve('done'))).toBe('done');
});

it('leaves signals to those who listen to them', async () => {
  const listener = () => undefined;
  process.on('SIGTERM', listener);
  await withLock(path, {}, () => Promise.resolve());
  expect(process.listeners('SIGTERM')).toContain(listener);
  process.off('SIGTERM', listener);
  for (const name of ['SIGINT', 'SIGHUP', 'SIGALRM'] as const) expect(process.listenerCount(name)).toBe(0);
});

it('stops the task when another process has taken the lock over', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const stopped = withLock(path, {}, async (signal) => {
    await utimes(`${path}.lock`, 0, 0);
    vi.advanceTimersByTime(10_000);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    signal.throwIfAborted();
  });
  await expect(stopped).rejects.toThrow(
    new UserError(`another process took over the work on ${path} while this one slept. Run it again.`),
  );
  expect(await readdir(folder)).toEqual(['file.lock']);
});

it('names a path that cannot be locked', async () => {
  await writeFile(path, '');
  const inside = join(path, 'inside');
  await expect(withLock(inside, {}, () => Promise.resolve())).rejects.toThrow(`can't lock ${inside}: part of the path`);
});
