// Prints for each image the nearest of the others: node nearest.mjs MODEL IMAGE IMAGE...
import { resolve } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';

const [model, ...images] = process.argv.slice(2);
if (images.length < 2) {
  console.error('usage: node nearest.mjs MODEL IMAGE IMAGE...   (MODEL: a folder written by dws export --web)');
  process.exit(1);
}

// Nothing is asked of a hub; an absolute path is a folder of this machine.
env.allowRemoteModels = false;
const extract = await pipeline('image-feature-extraction', resolve(model));

const embeddings = [];
for (const image of images) embeddings.push((await extract(image)).data);

/** Embeddings have length 1: their dot product is their cosine, and the smaller the distance the larger it is. */
const cosine = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

for (const [i, image] of images.entries()) {
  const others = images.map((other, j) => ({ other, value: cosine(embeddings[i], embeddings[j]) }));
  others.splice(i, 1);
  const nearest = others.reduce((a, b) => (b.value > a.value ? b : a));
  console.log(`${image}  nearest: ${nearest.other}  cosine ${nearest.value.toFixed(4)}`);
}
