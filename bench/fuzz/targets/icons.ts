/** The packages that the quick start's icons come from. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { parseIcons } from '../../../src/runner/prepare/icon-json.js';
import type { Marker } from '../../../src/runner/prepare/marker.js';
import { markerFile, readMarker, sameRecipe } from '../../../src/runner/prepare/marker.js';
import { readPackageFile } from '../../../src/runner/prepare/packages.js';
import { mutateJson } from '../json.js';
import type { Seed, Target } from '../target.js';
import { bytesSeed, isPlainName, textSeed } from '../target.js';

const icons = JSON.stringify({
  prefix: 'set',
  icons: { bee: { body: '<path d="M0 0"/>' }, 'dog-2': { body: '<g/>', left: 1, top: 2, width: 8, height: 8 } },
  width: 128,
  height: 128,
});

const marker: Marker = {
  ...{ kind: 'dws-icons', size: 128, minSets: 5, sets: { noto: '1.2.9', twemoji: '1.2.5' } },
  ...{ train: { classes: 2, images: 10 }, val: { classes: 1, images: 5 } },
};

const blockBytes = 512;

function entry(name: string, content: Uint8Array): Uint8Array {
  const head = Buffer.alloc(blockBytes);
  new Header({ path: name, size: content.length, mode: 0o644, type: 'File', mtime: new Date(0) }).encode(head);
  const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes);
  return Buffer.concat([head, content, padding]);
}

/** A package's archive, with the sizes and checksums of its entries right. */
const packageSeed: Seed = {
  parts: [{ bytes: Buffer.from('{}') }, { bytes: Buffer.from(icons) }],
  build: ([other, json]) =>
    gzipSync(
      Buffer.concat([
        entry('package/package.json', other!),
        entry('package/icons.json', json!),
        Buffer.alloc(2 * blockBytes),
      ]),
    ),
};

/** The same with any bytes inside of the compression. */
const tarSeed: Seed = {
  parts: [{ bytes: gunzipSync(packageSeed.build(packageSeed.parts.map(({ bytes }) => bytes)) as Uint8Array) }],
  build: ([tar]) => gzipSync(tar!),
};

export const iconPackages: Target[] = [
  {
    name: 'icons-tar',
    seeds: async () => [
      packageSeed,
      tarSeed,
      bytesSeed(packageSeed.build(packageSeed.parts.map(({ bytes }) => bytes)) as Uint8Array),
    ],
    tokens: ['package/icons.json', 'ustar\x0000', '\x1f\x8b\x08', '../../'].map((text) => Buffer.from(text, 'latin1')),
    read: async (bytes, folder) => {
      const file = path.join(folder, 'package.tgz');
      await writeFile(file, bytes);
      await readPackageFile(file, 'icons.json');
    },
  },
  {
    name: 'icons-json',
    seeds: async () => [textSeed(icons, mutateJson)],
    read: async (bytes) => {
      const { icons: found } = parseIcons(Buffer.from(bytes).toString('utf8'), 'package.tgz');
      for (const [name, { body }] of Object.entries(found)) {
        if (!isPlainName(name)) throw new Error(`an icon outside of its folder: ${name}`);
        if (typeof body !== 'string') throw new Error(`an icon without a drawing: ${name}`);
      }
    },
  },
  {
    name: 'icons-marker',
    seeds: async () => [textSeed(JSON.stringify(marker), mutateJson)],
    read: async (bytes, folder) => {
      const icons = path.join(folder, 'icons');
      await mkdir(icons, { recursive: true });
      await writeFile(path.join(icons, markerFile), bytes);
      const read = (await readMarker(icons))!;
      sameRecipe(read, marker);
      if (![read.train.images, read.val.classes].every(Number.isInteger)) throw new Error('a marker without numbers');
    },
  },
];
