import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import type * as Metadata from '../../../src/runner/checkpoints/metadata.js';
import { smallCheckpoint } from './small-checkpoint.js';

/** What happens to the state once its digest is known. */
let afterDigest: (() => void) | undefined;
vi.mock('../../../src/runner/checkpoints/metadata.js', async (original) => {
  const metadata = await original<typeof Metadata>();
  const checkpointDigest: typeof metadata.checkpointDigest = async (...args) => {
    const digest = await metadata.checkpointDigest(...args);
    afterDigest?.();
    afterDigest = undefined;
    return digest;
  };
  return { ...metadata, checkpointDigest };
});

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'dws-checked-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a state that something else writes into while it is saved', () => {
  it('leaves the checkpoint that was there, and is told', async () => {
    const path = join(folder, 'checkpoint.safetensors');
    const { state, ...content } = smallCheckpoint();
    await saveCheckpoint(path, { ...content, state });
    const before = await readFile(path);
    afterDigest = () => (state['params']![1]! += 1);
    await expect(saveCheckpoint(path, { ...content, state })).rejects.toThrow(
      /checkpoint\.safetensors: what was written is not what was to be written/,
    );
    expect((await readFile(path)).equals(before)).toBe(true);
    expect(await readdir(folder)).toEqual(['checkpoint.safetensors']);
    await saveCheckpoint(path, { ...content, state });
    expect((await loadCheckpoint(path)).state).toEqual(state);
  });
});
