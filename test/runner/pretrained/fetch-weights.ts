/** A process of its own that wants a file of weights: `fetch-weights.ts FILE ADDRESS FOLDER` prints what happens. */
import { cachedWeights } from '../../../src/runner/pretrained/cache.js';

const [file, address, folder] = process.argv.slice(2);
const { path } = await cachedWeights(file!, { address, folder, onWaiting: () => console.log('waiting') });
console.log(path);
