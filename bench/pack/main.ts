/**
 * npm run bench -- pack [--images 4000] [--workers 4] [--seconds 5] [--keep FOLDER]
 *
 * Images a second at 224 px, in batches of 70 drawn at random: decoded from a folder of JPEGs of 500 x 375 pixels, and read from
 * its pack; and the computing that an image takes, which other work on the machine does not change much. Everything lies in the page
 * cache: what is measured is the work, not a disk. Prints Markdown; exit code 1 when less than
 * 10,000 images, not mirrored, come from the pack in the best second, or others than from the folder. --keep makes the images there once.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { Philox } from '../../src/graph/state/philox.js';
import { forEachConcurrently } from '../../src/runner/base/concurrently.js';
import { ImageLoader } from '../../src/runner/data/loader.js';
import { openData } from '../../src/runner/data-sets/open-data.js';
import { packData } from '../../src/runner/jobs/pack-data.js';

const imageSize = 224;
const batchSize = 70;
const leastRate = 10_000;
const classes = 20;

/** Noise of 48 x 36 pixels, drawn larger: about as many bytes as a photo has. */
async function writeImages(folder: string, images: number): Promise<void> {
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  for (let label = 0; label < classes; label++) await mkdir(path.join(partial, `train/${label}`), { recursive: true });
  await forEachConcurrently(Array.from({ length: images }), 4, async (_, image) => {
    const [width, height] = [48, 36];
    const noise = new Philox(1, 'images', image).fillBytes(new Uint8Array(width * height * 3));
    await sharp(noise, { raw: { width, height, channels: 3 } })
      .resize(500, 375, { kernel: 'cubic' })
      .jpeg({ quality: 88 })
      .toFile(path.join(partial, `train/${image % classes}/${image}.jpg`));
  });
  await rename(partial, folder);
}

interface Rate {
  /** Images in a second: in the middle one and in the best one of those that were measured. */
  median: number;
  best: number;
  /** Of all threads, in microseconds an image. */
  computing: number;
}

/** Of a task that reads some images, repeated for so many seconds after one that warms up. */
async function rateOf(seconds: number, task: (round: number) => Promise<number>): Promise<Rate> {
  await task(0);
  const before = process.cpuUsage();
  const rates: number[] = [];
  let total = 0;
  for (let round = 1; rates.length < seconds;) {
    const started = performance.now();
    let images = 0;
    let passed = 0;
    for (; passed < 1; round++) {
      images += await task(round);
      passed = (performance.now() - started) / 1000;
    }
    rates.push(images / passed);
    total += images;
  }
  const { user, system } = process.cpuUsage(before);
  const sorted = rates.sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  return { median, best: sorted.at(-1)!, computing: (user + system) / total };
}

interface Rates {
  /** None mirrored, and half of them. */
  plain: Rate;
  mirrored: Rate;
  /** Every image once, in order, as before a training. */
  check: Rate;
  /** The first batch. */
  pixels: Uint8Array;
}

async function measure(place: string, workers: number, seconds: number): Promise<Rates> {
  const set = await openData(place, 'train');
  const open = () => new ImageLoader({ imageSize, resize: 'stretch', workers, cache: 'none', pack: set.pack });
  const loader = open();
  const paths = set.images.map((image) => image.path);
  const batch = (round: number) =>
    Array.from(new Philox(2, 'images', round).choose(paths.length, batchSize), (index) => paths[index]!);
  const half = Uint8Array.from({ length: batchSize }, (_, i) => i % 2);
  try {
    const check = await rateOf(seconds, async () => {
      // Checksums are looked at once a loader.
      const own = open();
      await own.check(paths);
      await own.close();
      return paths.length;
    });
    await loader.check(paths);
    const plain = await rateOf(seconds, async (round) => (await loader.decode(batch(round)), batchSize));
    const mirrored = await rateOf(seconds, async (round) => (await loader.decode(batch(round), half), batchSize));
    return { check, plain, mirrored, pixels: await loader.decode(batch(0), half) };
  } finally {
    await loader.close();
  }
}

const shown = (value: number): string => Math.round(value).toLocaleString('en-US');
const row = (name: string, { check, plain, mirrored }: Rates): string =>
  `| ${name} | ${[plain, mirrored, check].map((rate) => `${shown(rate.median)}, ${shown(rate.best)} (${shown(rate.computing)} µs)`).join(' | ')} |`;

export async function benchPack(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      images: { type: 'string', default: '4000' },
      workers: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '5' },
      keep: { type: 'string' },
    },
  });
  const [images, workers, seconds] = [Number(values.images), Number(values.workers), Number(values.seconds)];
  if (!(images >= batchSize && workers >= 0 && seconds > 0)) throw new Error(`--images takes ${batchSize} or more`);
  const home = values.keep ?? (await mkdtemp(path.join(tmpdir(), 'dws-pack-')));
  await mkdir(home, { recursive: true });
  try {
    const [data, file] = [path.join(home, `jpegs-${images}`), path.join(home, 'images.pack')];
    if (!existsSync(data)) await writeImages(data, images);
    const started = performance.now();
    const packed = await packData(data, file, { imageSize, workers });
    const packing = packed.images / ((performance.now() - started) / 1000);
    const folder = await measure(data, workers, seconds);
    const pack = await measure(file, workers, seconds);
    const { size } = await stat(file);
    console.log(
      `${cpus().length} x ${cpus()[0]?.model ?? 'CPU'}, Node.js ${process.versions.node}, --workers ${workers}, ` +
        `${shown(images)} JPEGs of 500 x 375 pixels, a pack of ${(size / 1e6).toFixed(0)} MB\n`,
    );
    console.log(
      '| images in the median second, in the best (computing an image) | batches | half of them mirrored | the check before a training |',
    );
    console.log('| --- | --- | --- | --- |');
    console.log(row('decoded from the folder', folder));
    console.log(row('read from the pack', pack));
    console.log(`\nPacking: ${shown(packing)} images a second.`);
    if (Buffer.compare(folder.pixels, pack.pixels) !== 0) throw new Error('the pack has other pixels than the folder');
    if (pack.plain.best < leastRate)
      throw new Error(`fewer than ${shown(leastRate)} images a second come from the pack`);
  } finally {
    if (values.keep === undefined) await rm(home, { recursive: true, force: true });
  }
}
