import { cars } from './cars.js';
import { cub } from './cub.js';
import type { DataFormat } from './format.js';
import { imageFolder } from './image-folder.js';
import { manifest } from './manifest.js';
import { pack } from './pack.js';
import { products } from './products.js';

/** Everything that `--data-path` takes. */
export const dataFormats: readonly DataFormat[] = [imageFolder, manifest, cub, cars, products, pack];
