// A picture of retrievals: each row a query from DATA/val and its nearest images, the right ones framed green.
//
//   node examples/retrieval-picture.mjs CHECKPOINT DATA OUT.png [FILE-NAME ...]
//
// With file names (noto.png fluent-emoji.png, say) only those images take part.
import { embedImages, openImageFolder } from 'dws';
import path from 'node:path';
import sharp from 'sharp';

const [checkpoint, data, out, ...names] = process.argv.slice(2);
if (!out) {
  console.error('usage: node examples/retrieval-picture.mjs CHECKPOINT DATA OUT.png [FILE-NAME ...]');
  process.exit(2);
}
const [rows, neighbors, cell, frame] = [8, 7, 72, 4];

const set = await openImageFolder(data, 'val');
const images = set.images.filter((image) => !names.length || names.includes(path.basename(image.path)));
const { embeddings, dim } = await embedImages(
  checkpoint,
  images.map((image) => image.path),
);

const dot = (i, j) => {
  let sum = 0;
  for (let k = 0; k < dim; k++) sum += embeddings[i * dim + k] * embeddings[j * dim + k];
  return sum;
};
const nearest = (query) =>
  images
    .map((_, j) => j)
    .filter((j) => j !== query)
    .map((j) => ({ j, similarity: dot(query, j) }))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, neighbors)
    .map(({ j }) => j);

const tile = async (index, color) => ({
  input: await sharp(images[index].path)
    .resize(cell - 2 * frame, cell - 2 * frame)
    .flatten({ background: 'white' })
    .extend({ top: frame, bottom: frame, left: frame, right: frame, background: color })
    .png()
    .toBuffer(),
});

const tiles = [];
for (let row = 0; row < rows; row++) {
  const query = Math.floor(((row + 0.5) * images.length) / rows);
  tiles.push({ ...(await tile(query, '#222222')), left: 0, top: row * cell });
  for (const [column, j] of nearest(query).entries()) {
    const color = images[j].label === images[query].label ? '#2e9e44' : '#d8d8d8';
    tiles.push({ ...(await tile(j, color)), left: (column + 1) * cell + 12, top: row * cell });
  }
}
await sharp({ create: { width: (neighbors + 1) * cell + 12, height: rows * cell, channels: 3, background: 'white' } })
  .composite(tiles)
  .png({ palette: true })
  .toFile(out);
console.log(`wrote ${out}: ${rows} queries among ${images.length} images`);
