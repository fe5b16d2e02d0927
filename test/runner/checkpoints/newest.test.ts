import { chmod, copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { OtherVersionError, saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { newestCheckpoint } from '../../../src/runner/checkpoints/newest.js';
import { temporaryFolder } from '../data/images.js';
import { smallCheckpoint } from './small-checkpoint.js';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, 'run', name);

async function save(name: string, step: number): Promise<void> {
  const { metadata, ...rest } = smallCheckpoint();
  await saveCheckpoint(at(name), { ...rest, metadata: { ...metadata, step, best: null } });
}

async function flipByte(name: string, place: number): Promise<void> {
  const bytes = await readFile(at(name));
  bytes[place < 0 ? bytes.length + place : place]! ^= 1;
  await writeFile(at(name), bytes);
}

const newest = async (prefix?: string) => {
  const { checkpoint, damaged } = await newestCheckpoint(path.join(folder.path, 'run'), prefix);
  return { name: checkpoint && path.basename(checkpoint.path), damaged };
};

beforeEach(async () => {
  await rm(path.join(folder.path, 'run'), { recursive: true, force: true });
  await mkdir(path.join(folder.path, 'run'));
  await save('checkpoint-epoch-0001.safetensors', 10);
  await save('checkpoint-epoch-0002.safetensors', 20);
  await save('best.safetensors', 10);
  await save('checkpoint.safetensors', 25);
});

describe('the newest checkpoint', () => {
  it('is the last one', async () => {
    expect(await newest()).toEqual({ name: 'checkpoint.safetensors', damaged: [] });
  });

  it.each<[string, (name: string) => Promise<void>]>([
    ['cut short', (name) => truncate(at(name), 700)],
    ['empty', (name) => truncate(at(name), 0)],
    ['with one bit changed in its tensors', (name) => flipByte(name, -1)],
    ['with one bit changed in its header', (name) => flipByte(name, 20)],
    ['something else', (name) => writeFile(at(name), 'PK\x03\x04 something else')],
  ])('is the next older one when the last is %s', async (_, damage) => {
    await damage('checkpoint.safetensors');
    const { name, damaged } = await newest();
    expect(name).toBe('checkpoint-epoch-0002.safetensors');
    expect(damaged).toEqual([expect.stringContaining(at('checkpoint.safetensors'))]);
  });

  it('is the best when that has more steps than what else is whole', async () => {
    await rm(at('checkpoint.safetensors'));
    await save('best.safetensors', 22);
    expect(await newest()).toEqual({ name: 'best.safetensors', damaged: [] });
  });

  it('is none where all are damaged, each of which is named', async () => {
    const names = ['checkpoint', 'checkpoint-epoch-0002', 'checkpoint-epoch-0001', 'best'].map(
      (n) => `${n}.safetensors`,
    );
    for (const name of names) await flipByte(name, -1);
    const { name, damaged } = await newest();
    expect(name).toBeUndefined();
    expect(damaged.map((message) => names.findIndex((file) => message.includes(at(file))))).toEqual([0, 1, 2, 3]);
  });

  it('is none in an empty folder, and where there is no folder', async () => {
    expect(await newestCheckpoint(path.join(folder.path, 'nowhere'))).toEqual({ checkpoint: undefined, damaged: [] });
    await mkdir(at('empty'));
    expect(await newestCheckpoint(at('empty'))).toEqual({ checkpoint: undefined, damaged: [] });
  });

  it('is one with the prefix', async () => {
    await copyFile(at('checkpoint-epoch-0001.safetensors'), at('my-checkpoint.safetensors'));
    expect(await newest('my-')).toEqual({ name: 'my-checkpoint.safetensors', damaged: [] });
    expect((await newest()).name).toBe('checkpoint.safetensors');
  });

  it('is not looked for behind one of another version: going on would replace that', async () => {
    const bytes = await readFile(at('checkpoint.safetensors'));
    const version = bytes.indexOf('"version":"1"');
    bytes[version + '"version":"'.length] = '2'.charCodeAt(0);
    await writeFile(at('checkpoint.safetensors'), bytes);
    await expect(newest()).rejects.toThrow(OtherVersionError);
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'is not looked for behind one that may not be read',
    async () => {
      await chmod(at('checkpoint.safetensors'), 0);
      await expect(newest()).rejects.toThrow(/can't read .*checkpoint\.safetensors: permission denied/);
    },
  );
});
