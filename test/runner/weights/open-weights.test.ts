import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openWeights } from '../../../src/runner/weights/open-weights.js';
import { encodeSafetensors, float32Bytes } from '../../../src/runner/formats/safetensors.js';
import { bytesOf } from './pickles.js';
import { refusalOf, temporaryFolder } from './temporary-folder.js';

const { path, write } = temporaryFolder();

describe('openWeights', () => {
  const one = { name: 'w', dtype: 'F32' as const, shape: [2], data: float32Bytes(Float32Array.of(1, 2)) };

  it('goes by the content, whatever the ending', async () => {
    const file = await openWeights(await write('weights.pth', bytesOf(...encodeSafetensors([one]))));
    expect(file).toMatchObject({ path: path('weights.pth'), format: 'safetensors' });
    await file.close();
  });

  it('reads nothing after it was closed', async () => {
    const file = await openWeights(await write('closed.safetensors', bytesOf(...encodeSafetensors([one]))));
    await file.close();
    await expect(file.tensors[0]!.read()).rejects.toThrow(`can't read ${path('closed.safetensors')}`);
  });

  it('says so when the file is cut short after it was opened', async () => {
    const file = await openWeights(await write('shrinking.safetensors', bytesOf(...encodeSafetensors([one]))));
    await write('shrinking.safetensors', '');
    await expect(file.tensors[0]!.read()).rejects.toThrow('is cut short');
    await file.close();
  });

  it.each<[string, string, string]>([
    ['an empty file', '', 'it is empty'],
    ['text', 'weights', 'none of the formats'],
    ['a web page', '\n<!DOCTYPE html><html>', 'a web page'],
    ['a pointer to a file', 'version https://git-lfs.github.com/spec/v1\n', "'git lfs pull'"],
    ['a tar archive', `${'\0'.repeat(257)}ustar\0`, 'a tar archive'],
    ['an HDF5 file', '\x89HDF\r\n', 'an HDF5 file'],
    ['a gzip file', '\x1f\x8b\x08\x00', 'a gzip file'],
  ])('says what %s is', async (_, content, reason) => {
    const message = await refusalOf(await write('foreign.pth', bytesOf(content)));
    expect(message).toContain(reason);
    expect(message).toContain('Give a .pth or .pt file');
  });

  it('refuses what is no file, a pipe without waiting for it', async () => {
    await mkdir(path('folder.pth'));
    expect(await refusalOf(path('folder.pth'))).toContain('is not a file');
    expect(await refusalOf(path('missing.pth'))).toContain('no such file');
    execFileSync('mkfifo', [path('pipe.pth')]);
    expect(await refusalOf(path('pipe.pth'))).toContain('is not a file');
  });
});
