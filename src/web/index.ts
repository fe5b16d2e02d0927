/**
 * The trained model in a page or a worker: embeddings of images, and search among those of a gallery. Needs `onnxruntime-web`.
 *
 * @packageDocumentation
 */
export type { GalleryDtype, GalleryInfo, GalleryThumbs, StoredFeatures } from '../graph/artifacts/gallery.js';
export type { Preprocessing } from '../graph/preprocessing.js';
export type { WebModelInfo, WebResize, WebVariant, WebVariantName } from '../graph/artifacts/web-model.js';
export type { DwsWebErrorCode } from './errors.js';
export { DwsWebError } from './errors.js';
export type { Neighbor, Thumbnail } from './gallery.js';
export { Gallery } from './gallery.js';
export type { ImageSource, Pixels } from './images.js';
export { pixelLimit, readImage } from './images.js';
export type { LoadHooks, Progress } from './load.js';
export type { Features, LoadOptions } from './model.js';
export { EmbeddingModel } from './model.js';
export type { Device, RuntimeOptions } from './runtime.js';
