import { describe, expect, it } from 'vitest';
import type { ArchiveEntry } from './archives.js';
import { counting, torchZip, zipArchive } from './archives.js';
import type { Storage } from './pickles.js';
import { bytesOf, dict, pickle, tensor } from './pickles.js';
import { readAll, refusalOf, temporaryFolder } from './temporary-folder.js';

const { write } = temporaryFolder();

/** The message of the refusal of a file. */
const refusal = async (name: string, content: Uint8Array): Promise<string> => refusalOf(await write(name, content));

describe('the zip format', () => {
  const one: Storage = { key: '0', elements: 4 };
  const object = pickle(dict({ w: tensor(one, [4], [1]) }));
  const pkl: ArchiveEntry = { name: 'archive/data.pkl', data: object };
  const data: ArchiveEntry = { name: 'archive/data/0', data: counting(4) };

  it('reads deflated entries, also from the middle', async () => {
    const long = Float32Array.from({ length: 60_000 }, (_, i) => Math.sin(i));
    const from: Storage = { key: '0', elements: long.length };
    const views = pickle(dict({ all: tensor(from, [60_000], [1]), part: tensor(from, [2], [20_000], 30_000) }));
    const archive = zipArchive([
      { ...pkl, data: views, deflate: true },
      { ...data, data: new Uint8Array(long.buffer), deflate: true },
    ]);
    const { all, part } = await readAll(await write('deflated.pth', archive));
    expect(all![1]).toEqual([...long]);
    expect(part).toEqual([[2], [long[30_000], long[50_000]]]);
  });

  it('reads little-endian files that say so, and refuses others by name', async () => {
    const order = (name: string): Uint8Array =>
      torchZip(object, { 0: counting(4) }, [{ name: 'archive/byteorder', data: bytesOf(name) }]);
    expect(await readAll(await write('little.pth', order('little')))).toEqual({ w: [[4], [0, 1, 2, 3]] });
    expect(await refusal('big.pth', order('big'))).toContain('big-endian');
    expect(await refusal('pdp.pth', order('pdp'))).toContain('byte order pdp');
  });

  const bomb = new Uint8Array(64 * 2 ** 20);
  const shared: ArchiveEntry = { ...data, data: counting(5000) };
  const copies = Array.from({ length: 50 }, (_, i) => ({ ...shared, name: `${i}`, sameAs: 1 }));
  it.each<[string, Uint8Array, string]>([
    ['a truncated archive', torchZip(object, { 0: counting(4) }).subarray(0, -30), 'End of central directory'],
    ['an archive without its beginning', bytesOf('PK\x03\x04', torchZip(object).subarray(40)), 'damaged'],
    ['no pickle', zipArchive([{ name: 'photo.jpg', data: bomb.subarray(0, 9) }]), '0 entries data.pkl'],
    ['two pickles', zipArchive([pkl, { ...pkl, name: 'b/data.pkl' }]), '2 entries data.pkl'],
    ['an entry twice', zipArchive([pkl, data, data]), 'holds archive/data/0 twice'],
    ['TorchScript', zipArchive([pkl, { name: 'archive/constants.pkl', data: object }]), 'TorchScript'],
    ['a missing storage', zipArchive([pkl]), 'storage 0 is missing'],
    ['a short storage', zipArchive([pkl, { ...data, data: counting(3) }]), 'should take 16 bytes, found 12'],
    ['a stored entry that claims more than the file', zipArchive([pkl, { ...data, size: 2 ** 30 }]), 'claims to hold'],
    ['a bomb that says what it is', zipArchive([pkl, { ...data, data: bomb, deflate: true }]), 'claims to hold'],
    ['entries that share their data', zipArchive([pkl, shared, ...copies]), 'claims to hold'],
    ['a pickle that is a bomb', zipArchive([{ ...pkl, data: bomb, deflate: true }]), 'claims to hold'],
    ['an entry that leaves the folder', zipArchive([pkl, { ...data, name: '../0' }]), 'invalid relative path'],
  ])('refuses %s', async (_, archive, reason) => {
    expect(await refusal('hostile.pth', archive)).toContain(reason);
  });

  it('stops unpacking a bomb that lies about its size', async () => {
    const lying = zipArchive([pkl, { ...data, data: bomb, deflate: true, size: 16 }]);
    expect(await refusal('lying.pth', lying)).toContain('too many bytes in the stream. expected 16');
  });

  it('refuses a deflated entry that is damaged or ends early', async () => {
    const short = zipArchive([pkl, { ...data, data: counting(3), deflate: true, size: 16 }]);
    expect(await refusal('short.pth', short)).toMatch(/in its entry archive\/data\/0, .*not enough bytes/);
    const packed = zipArchive([pkl, { ...data, deflate: true }]);
    const at = Buffer.from(packed).indexOf('archive/data/0') + 'archive/data/0'.length;
    packed.fill(0xff, at, at + 4);
    expect(await refusal('damaged.pth', packed)).toContain('in its entry archive/data/0');
  });

  it('refuses a storage whose header was cut off, and encrypted or oddly packed entries', async () => {
    const archive = zipArchive([{ ...pkl, deflate: true }, data]);
    const header = Buffer.from(archive).indexOf('PK\x03\x04', 4);
    expect(await refusal('header.pth', archive.slice().fill(0, header, header + 4))).toContain('local file header');
    const directory = Buffer.from(archive).indexOf('PK\x01\x02');
    expect(await refusal('locked.pth', archive.slice().fill(1, directory + 8, directory + 9))).toContain('encrypted');
    expect(await refusal('lzma.pth', archive.slice().fill(14, directory + 10, directory + 11))).toContain(
      'unknown way',
    );
  });
});
