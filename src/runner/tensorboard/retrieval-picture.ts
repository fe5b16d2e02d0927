/** A picture of retrievals: queries and the images nearest to them. */
import sharp from 'sharp';
import type { ImageSet } from '../data/folder.js';
import { everyone, searchSets } from '../data/search-sets.js';
import type { ImageLoader } from '../data/loader.js';
import type { Image } from './schema.js';

const queries = 8;
const neighbors = 6;
/** Larger images are shown at this height and width, in pixels. */
const largestTile = 96;

const white = [255, 255, 255];
const [right, wrong] = [
  [46, 160, 67],
  [207, 34, 46],
];

export interface EmbeddedImages {
  /** [images, embedDim] */
  embeddings: Float32Array;
  set: ImageSet;
  loader: Pick<ImageLoader, 'decode'>;
}

/** The places of the images of a gallery that are nearest to one, closest first, without itself. */
export function nearestTo(
  embeddings: Float32Array,
  dim: number,
  query: number,
  count: number,
  gallery: Int32Array = everyone(embeddings.length / dim).gallery,
): number[] {
  const distances = Float64Array.from({ length: embeddings.length / dim }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += (embeddings[row * dim + i]! - embeddings[query * dim + i]!) ** 2;
    return sum;
  });
  return Array.from(gallery)
    .filter((row) => row !== query)
    .sort((a, b) => distances[a]! - distances[b]! || a - b)
    .slice(0, count);
}

/** Draws images [tiles, size, size, 3] in rows, each in a frame of its color. */
function contactSheet(pixels: Uint8Array, size: number, columns: number, frames: readonly number[][]) {
  const border = Math.max(1, Math.round(size / 16));
  const tile = size + 4 * border;
  const [width, height] = [columns * tile, Math.ceil(frames.length / columns) * tile];
  const sheet = Buffer.alloc(width * height * 3, 255);
  for (const [i, color] of frames.entries()) {
    const [left, top] = [(i % columns) * tile + border, Math.floor(i / columns) * tile + border];
    for (let y = 0; y < size + 2 * border; y++) {
      for (let x = 0; x < size + 2 * border; x++) {
        const [column, row] = [x - border, y - border];
        const isInside = column >= 0 && row >= 0 && column < size && row < size;
        const source = ((i * size + row) * size + column) * 3;
        const target = ((top + y) * width + left + x) * 3;
        for (let c = 0; c < 3; c++) sheet[target + c] = isInside ? pixels[source + c]! : color[c]!;
      }
    }
  }
  return { sheet, width, height, tile };
}

/** Each row: a query, spread evenly over the queries, then the images of the gallery nearest to it; green where they show the query's class, else red. */
export async function retrievalPicture({ embeddings, set, loader }: EmbeddedImages): Promise<Image> {
  const { images } = set;
  const dim = embeddings.length / images.length;
  const { queries: asked, gallery } = searchSets(set);
  const count = Math.min(queries, asked.length);
  const depth = Math.max(1, Math.min(neighbors, gallery.length - 1));
  const chosen = Array.from({ length: count }, (_, i) => asked[Math.floor((i * asked.length) / count)]!);
  const rows = chosen.map((query) => [query, ...nearestTo(embeddings, dim, query, depth, gallery)]);
  const frames = rows.flatMap(([query, ...found]) => [
    white,
    ...found.map((place) => (images[place]!.label === images[query!]!.label ? right! : wrong!)),
  ]);
  const places = rows.flat();
  const pixels = await loader.decode(places.map((place) => images[place]!.path));
  const size = Math.sqrt(pixels.length / places.length / 3);
  const { sheet, width, height, tile } = contactSheet(pixels, size, depth + 1, frames);
  const shrink = Math.min(1, largestTile / tile);
  const { data, info } = await sharp(sheet, { raw: { width, height, channels: 3 } })
    .resize({ width: Math.round(width * shrink) })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { height: info.height, width: info.width, colorspace: 3, encodedImageString: data };
}
