import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { noteFile, onnxruntimeVersion, otherVersion, readNote } from '../../../src/runner/compute/provider-note.js';

const note = { version: '1.28.0', from: 'a test', bytes: 12 };

describe('the note beside a CUDA provider', () => {
  it('is of the provider of its size, and of no other', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'dws-test-'));
    try {
      expect(readNote(folder, 12)).toBeUndefined();
      await writeFile(path.join(folder, noteFile), JSON.stringify(note));
      expect(readNote(folder, 12)).toEqual(note);
      expect(readNote(folder, 13)).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('tells of a provider of another version of ONNX Runtime, and what to do', () => {
    expect(otherVersion(note)).toBe(
      `of ONNX Runtime 1.28.0, and onnxruntime-node is ${onnxruntimeVersion()}: npx dws cuda-install --remove, and then npx dws cuda-install`,
    );
    expect(otherVersion({ ...note, version: onnxruntimeVersion() })).toBeUndefined();
    expect(otherVersion(undefined)).toBeUndefined();
  });
});
