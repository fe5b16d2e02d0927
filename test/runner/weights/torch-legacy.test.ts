import { describe, expect, it } from 'vitest';
import { counting, legacyStart, torchLegacy } from './archives.js';
import type { Storage } from './pickles.js';
import { attack, bytesOf, dict, int, pickle, tensor, text, tuple } from './pickles.js';
import { readAll, refusalOf, temporaryFolder } from './temporary-folder.js';

const { write } = temporaryFolder();

/** The message of the refusal of a file. */
const refusal = async (name: string, content: Uint8Array): Promise<string> => refusalOf(await write(name, content));

describe('the older format', () => {
  const one: Storage = { key: 'k', elements: 4 };
  const object = pickle(dict({ w: tensor(one, [4], [1]) }));
  const storages = { k: { elements: 4, data: counting(4) } };

  it('reads storages that were views of others', async () => {
    const view = { ...one, view: tuple(text('view'), int(1), int(3)) };
    const inside = pickle(dict({ w: tensor(view, [2], [1], 1) }));
    expect(await readAll(await write('view.pth', torchLegacy(inside, storages)))).toEqual({ w: [[2], [2, 3]] });
    const beyond = pickle(dict({ w: tensor(view, [3], [1], 1) }));
    expect(await refusal('beyond.pth', torchLegacy(beyond, storages))).toContain('reaches element 4 of a storage of 3');
    const outside = pickle(dict({ w: tensor({ ...one, view: tuple(text('v'), int(2), int(3)) }, [1], [1]) }));
    expect(await refusal('outside.pth', torchLegacy(outside, storages))).toContain('lies outside');
  });

  it.each<[string, Uint8Array, string]>([
    ['a truncated file', torchLegacy(object, storages).subarray(0, -1), 'should have 4 elements'],
    ['a file cut in its pickles', torchLegacy(object, storages).subarray(0, 90), 'does not end within 90 bytes'],
    ['another number of elements', torchLegacy(object, { k: { elements: 3, data: counting(4) } }), 'elements, found 3'],
    ['a negative number', torchLegacy(object, { k: { elements: -4, data: counting(4) } }), 'elements, found -4'],
    ['a storage that nothing uses', torchLegacy(object, { ...storages, x: storages.k }), 'list of storages'],
    ['storages left out', torchLegacy(object), 'storage k is missing'],
    ['keys that are no list', bytesOf(legacyStart(), object, pickle('N')), 'storage k is missing'],
    [
      'a storage described in two ways',
      torchLegacy(pickle(dict({ a: tensor(one, [4], [1]), b: tensor({ ...one, type: 'HalfStorage' }, [4], [1]) }))),
      'storage k is described in two ways',
    ],
    ['a big-endian file', bytesOf(legacyStart(false), object), 'big-endian machine'],
    ['an ordinary pickle', pickle(dict({ a: int(1) })), 'torch.save did not write'],
    ['another protocol', bytesOf(legacyStart().subarray(0, 15), pickle(int(7))), 'protocol version 7'],
    ['an ordinary pickle with a name', attack, 'would run os.system'],
  ])('refuses %s', async (_, content, reason) => {
    expect(await refusal('hostile.pth', content)).toContain(reason);
  });
});
