/** Images that pages of this project decode, sharp does not read them. */
import { limitWholeBytes } from './image-file.js';

export interface RawSize {
  width: number;
  height: number;
  /** Grey, RGB, or RGB with alpha. */
  channels: 1 | 3 | 4;
}

export interface RawImage extends RawSize {
  /** uint8, [height, width, channels], from the top. */
  data: Uint8Array;
}

/** An image that is damaged or of a kind that is not read; the message says why. */
export class ImageDataError extends Error {}

export const tooEarly = () => new ImageDataError('the file ends too early');

/** A million: sharp complains about what it is to shrink by more. */
const limitSide = 2 ** 20;

/** @throws ImageDataError for an image without pixels or with a side of more than a million, or that would take more than 512 MiB */
export function requireRawSize({ width, height, channels }: RawSize): void {
  if (width < 1 || height < 1) throw new ImageDataError(`it has ${width} x ${height} pixels`);
  if (Math.max(width, height) > limitSide)
    throw new ImageDataError(
      `a side of it is of more than ${limitSide.toLocaleString('en-US')} pixels; save it smaller`,
    );
  if (width * height * channels <= limitWholeBytes) return;
  throw new ImageDataError(
    `${width} x ${height} pixels take more than ${Math.round(limitWholeBytes / 1e6)} MB of memory at once; save it smaller`,
  );
}
