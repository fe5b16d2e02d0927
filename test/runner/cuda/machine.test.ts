import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { chooseCuda, cudaParts } from '../../../src/runner/cuda/machine.js';
import { noteFile, onnxruntimeVersion } from '../../../src/runner/compute/provider-note.js';
import { providerFile } from '../../../src/runner/cuda/provider.js';
import { cudaFiles } from '../../../src/runner/jobs/doctor.js';
import { cudaProvider } from '../../helpers/elf.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, 'machine', ...names);
const search = {
  get binding() {
    return at('binding');
  },
  get places() {
    return { libraryPath: [at('lib')], cache: new Map<string, string>(), defaults: [] };
  },
  get elsewhere() {
    return [at('cuda*/lib64')];
  },
};

async function put(where: string, ...names: string[]): Promise<void> {
  await mkdir(at(where), { recursive: true });
  for (const name of names) await writeFile(at(where, name), '');
}

async function putProvider(cuda: number, note?: { version: string }): Promise<void> {
  const bytes = cudaProvider(cuda);
  await mkdir(at('binding'), { recursive: true });
  await writeFile(at('binding', providerFile), bytes);
  if (note) await writeFile(at('binding', noteFile), JSON.stringify({ ...note, from: 'a test', bytes: bytes.length }));
}

beforeEach(() => rm(at(), { recursive: true, force: true }));

describe('the version of CUDA', () => {
  it('is that of the runtime that the loader finds, or that lies where CUDA does', async () => {
    await put('cuda-12.9/lib64', 'libcudart.so.12');
    expect(await chooseCuda(search)).toEqual({ cuda: 12, at: at('cuda-12.9/lib64/libcudart.so.12') });
  });

  it('has to be said where there is none, or are two', async () => {
    await expect(chooseCuda(search)).rejects.toThrow(UserError);
    await expect(chooseCuda(search)).rejects.toThrow('CUDA is not found here');
    await put('lib', 'libcudart.so.12', 'libcudart.so.13');
    await expect(chooseCuda(search)).rejects.toThrow(/CUDA 12 \(.*\) and CUDA 13 \(.*\) are both here.*--cuda 12/);
  });
});

describe('the parts of CUDA', () => {
  it('are those that the provider asks for, each with its place or what to do', async () => {
    await putProvider(13, { version: onnxruntimeVersion() });
    await put('lib', 'libcuda.so.1', 'libcudart.so.13', 'libcublas.so.13');
    await put('cuda-13/lib64', 'libcublasLt.so.13');
    const parts = Object.fromEntries((await cudaParts(search)).map(({ name, ...part }) => [name, part]));
    expect(Object.keys(parts)).toEqual([
      ...['libcublas.so.13', 'libcublasLt.so.13', 'libcuda.so.1', 'libcudart.so.13', 'libcurand.so.10'],
      ...['libcudnn.so.9', 'provider'],
    ]);
    expect(parts['libcuda.so.1']).toEqual({ file: at('lib/libcuda.so.1'), isMissing: false });
    expect(parts['libcublasLt.so.13']).toEqual({
      advice: `it is in ${at('cuda-13/lib64')}: put that folder on the library path (LD_LIBRARY_PATH)`,
      isMissing: true,
    });
    expect(parts['libcudnn.so.9']).toEqual({ advice: 'install cuDNN 9 for that version of CUDA', isMissing: true });
    expect(parts['provider']).toMatchObject({ file: at('binding', providerFile), isMissing: false });
    expect(parts['provider']!.advice).toContain(`for CUDA 13, of ONNX Runtime ${onnxruntimeVersion()}`);
  });

  it.each([
    ['of another ONNX Runtime', () => putProvider(12, { version: '1.0.0' }), /of ONNX Runtime 1\.0\.0, and.*--remove/],
    ['that is not there', () => put('binding'), /not installed: npx dws cuda-install/],
    ['that is an empty file', () => put('binding', providerFile), /not installed: npx dws cuda-install/],
  ])('tell of a provider %s', async (_, make, words) => {
    await make();
    const part = (await cudaParts(search)).at(-1)!;
    expect(part.advice).toMatch(words);
    expect(part.isMissing).toBe(true);
  });

  it('tell of a provider for another version of CUDA than the one that is here', async () => {
    await putProvider(13, { version: onnxruntimeVersion() });
    await put('lib', 'libcudart.so.12');
    const advice = `for CUDA 13, and CUDA 12 is here (${at('lib/libcudart.so.12')}): npx dws cuda-install --cuda 12`;
    expect((await cudaParts(search)).at(-1)).toMatchObject({ advice, isMissing: true });
  });

  it('tell of one from elsewhere that its version is not known', async () => {
    await putProvider(12);
    expect((await cudaParts(search)).at(-1)).toMatchObject({ advice: expect.stringMatching(/^for CUDA 12; of which/) });
  });
});

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('dws doctor', () => {
  it('tells each part in a line, and whether all are there', async () => {
    await putProvider(12, { version: onnxruntimeVersion() });
    const some = await cudaFiles(search);
    expect(some).toMatchObject({ name: 'cuda parts', status: 'absent' });
    expect(some!.detail).toMatch(/^libcuda\.so\.1: not found; install NVIDIA's driver/m);
    await put('lib', 'libcuda.so.1', 'libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcurand.so.10');
    await put('lib', 'libcudnn.so.9');
    const all = await cudaFiles(search);
    expect(all!.status).toBe('ok');
    expect(all!.detail).toContain(`libcudnn.so.9: ${at('lib/libcudnn.so.9')}`);
  });
});
