/** Shared libraries that ask the loader for others, and hold nothing else. */
export interface Asked {
  needed: readonly string[];
  rpath?: string;
  runpath?: string;
}

export function elf({ needed, rpath, runpath }: Asked): Buffer {
  let names = '\0';
  const place = (text: string) => {
    const at = names.length;
    names += `${text}\0`;
    return at;
  };
  const entries: [tag: number, value: number][] = needed.map((name) => [1, place(name)]);
  if (rpath !== undefined) entries.push([15, place(rpath)]);
  if (runpath !== undefined) entries.push([29, place(runpath)]);
  const stringsAt = 64 + 2 * 56;
  /** Where the file is mapped to: addresses are not places in the file. */
  const base = 0x10000;
  entries.push([5, base + stringsAt], [10, names.length], [0, 0]);
  const dynamicAt = stringsAt + names.length;
  const file = Buffer.alloc(dynamicAt + 16 * entries.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const segment = (index: number, type: number, offset: number, size: number) => {
    const at = 64 + 56 * index;
    file.writeUInt32LE(type, at);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(BigInt(base + offset), at + 16);
    file.writeBigUInt64LE(BigInt(size), at + 32);
  };
  segment(0, 1, 0, file.length);
  segment(1, 2, dynamicAt, 16 * entries.length);
  file.write(names, stringsAt, 'latin1');
  for (const [i, [tag, value]] of entries.entries()) {
    file.writeBigUInt64LE(BigInt(tag), dynamicAt + 16 * i);
    file.writeBigUInt64LE(BigInt(value), dynamicAt + 16 * i + 8);
  }
  return file;
}

/** Linked as ONNX Runtime's provider for a version of CUDA is. */
export const cudaProvider = (cuda: number): Buffer =>
  elf({
    needed: [
      `libcublasLt.so.${cuda}`,
      `libcublas.so.${cuda}`,
      'libcurand.so.10',
      `libcudart.so.${cuda}`,
      'libcuda.so.1',
      'libc.so.6',
    ],
  });
