/** Sets of many tiny images, made quickly. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { Philox } from '../../src/graph/state/philox.js';
import { forEachConcurrently } from '../../src/runner/base/concurrently.js';

const side = 16;
const atOnce = 16;

/** A colour of the class, and noise of the image: neighbors are neither all right nor all wrong. */
function pixelsOf(label: number, image: number): Uint8Array {
  const colour = new Philox(1, 'classes', label).fillBytes(new Uint8Array(3));
  const noise = new Philox(1, 'images', image).fillBytes(new Uint8Array(side * side * 3));
  return noise.map((value, i) => (colour[i % 3]! + value) >> 1);
}

/** Writes `FOLDER/CLASS/IMAGE.png`; the classes have as many images, to one. */
export async function writeManyImages(
  folder: string,
  { images, classes }: { images: number; classes: number },
): Promise<void> {
  const nameOf = (label: number) => path.join(folder, `c${String(label).padStart(6, '0')}`);
  await forEachConcurrently(Array.from({ length: classes }), atOnce, async (_, label) => {
    await mkdir(nameOf(label), { recursive: true });
  });
  await forEachConcurrently(Array.from({ length: images }), atOnce, async (_, image) => {
    const label = image % classes;
    const raw = { width: side, height: side, channels: 3 } as const;
    const png = await sharp(pixelsOf(label, image), { raw }).png({ compressionLevel: 1 }).toBuffer();
    await writeFile(path.join(nameOf(label), `${image}.png`), png);
  });
}
