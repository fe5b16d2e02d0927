/** Image folders in the layout of `openImageFolder`, for tests that train. */
import { pattern, writeFiles } from '../runner/data/images.js';

export interface FolderOptions {
  /** Classes in each split; those of `val` are others than those of `train`. */
  classes?: number;
  /** Images in each class. */
  images?: number;
  /** Width and height of the images. */
  size?: number;
}

/** Draws DATA/{train,val}/CLASS/N.png, no two images alike. */
export async function writeImageFolder(
  root: string,
  { classes = 4, images = 3, size = 24 }: FolderOptions = {},
): Promise<void> {
  const names = ['train', 'val'].flatMap((split) =>
    Array.from({ length: classes * images }, (_, i) => `${split}/${split}-${Math.floor(i / images)}/${i % images}.png`),
  );
  await writeFiles(root, Object.fromEntries(names.map((name, seed) => [name, pattern(size, size, 3, seed)])));
}
