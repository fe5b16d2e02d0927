/** What a folder written by `dws gallery` holds: `gallery.json`, read by `dws/web`. */

/** The type that a gallery's embeddings are stored in. */
export const galleryDtypes = ['float32', 'int8'] as const;
export type GalleryDtype = (typeof galleryDtypes)[number];

/** The file of a `GalleryInfo`, at the top of the folder. */
export const galleryFile = 'gallery.json';

/** Images side by side in sheets: rows first, then the next sheet. */
export interface GalleryThumbs {
  /** Width and height of a thumbnail in pixels. */
  size: number;
  /** Thumbnails in a row of a sheet. */
  columns: number;
  /** Rows of a full sheet; the last sheet may have fewer. */
  rows: number;
  /** Files, relative to the folder. */
  sheets: string[];
}

/** Stored in the type of the embeddings. */
export interface StoredFeatures {
  /** File of [count, dim] values, row-major, little-endian; relative to the folder. */
  file: string;
  /** `featDim` of the model. */
  dim: number;
  /** Of `int8`: the value of q is q * scale, the same for all. */
  scale?: number;
}

export interface GalleryInfo {
  format: 1;
  /** `modelHash` of the model that embedded the images (`WebModelInfo`). */
  modelHash: string;
  /** Name of the backbone. */
  model: string;
  /** Number of images. */
  count: number;
  /** Length of an embedding. */
  dim: number;
  dtype: GalleryDtype;
  /** Of `int8`: the value of q is q * scale, the same for all. */
  scale?: number;
  /** File of [count, dim] values, row-major, little-endian; relative to the folder. */
  embeddings: string;
  /** By place: the image's path within the folder that was given. */
  ids: string[];
  /** By place: the image's class, the name of the folder that it lay in. */
  labels: string[];
  /** File of float32 [count, 2], little-endian: x and y in [0, 1] on a map where similar images lie close together. */
  map?: string;
  /** What the model's last layer takes of each image, with which another last layer can search (`dws/web/learn`). */
  features?: StoredFeatures;
  thumbs: GalleryThumbs;
}
