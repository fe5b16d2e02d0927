/** From an image file to what a network sees: one value, which checkpoints, exported models and pages carry. */

/** How an image becomes a square: squeezed, cropped to its middle, or padded. */
export type Resize = 'stretch' | 'cover' | 'contain';
export const resizes: readonly Resize[] = ['stretch', 'cover', 'contain'];

/**
 * How pixels are weighed.
 *
 * - `triangle`: as wide as the shrink factor, so that what shrinks is antialiased; what grows is interpolated linearly, with the
 *   centers of pixels at halves: PIL's `BILINEAR`, torchvision's `Resize`
 * - `shifted`: the same where images shrink; those that grow end up half a pixel of the result away from there. What versions
 *   before 0.3 did, and what their checkpoints mean; only where all of the square is seen
 */
export type Filter = 'triangle' | 'shifted';
export const filters: readonly Filter[] = ['triangle', 'shifted'];

/** Of each color, R, G, B, of values in [0, 1]. */
export interface Normalization {
  mean: readonly number[];
  std: readonly number[];
}

/** ImageNet's statistics. */
export const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const satisfies Normalization;

/** The squares that are made of images. */
export interface Squares {
  /** Height and width of what the network sees, in pixels: the middle of the square. */
  imageSize: number;
  /** Height and width of the square that an image is resized to, in pixels; at least `imageSize`. */
  resizeTo: number;
  resize: Resize;
  filter: Filter;
}

/** Everything that happens to an image, in this order: upright, on the background, resized, its middle cut out, normalized. */
export interface Preprocessing extends Squares, Normalization {
  /** Turned as EXIF says. */
  orientation: 'exif';
  /** Behind transparent pixels, and around those that are padded: a CSS color. */
  background: '#ffffff';
}

/** What is not given is what it was before there was a choice. */
export interface PreprocessingOptions extends Partial<Normalization> {
  imageSize: number;
  resizeTo?: number;
  resize?: Resize;
  filter?: Filter;
}

export const normalizationOf = ({ mean, std }: Partial<Normalization>): Normalization => ({
  mean: mean ?? imageNet.mean,
  std: std ?? imageNet.std,
});

/** The squares of `imageSize` that are resized to at once. */
export const wholeSquares = (imageSize: number, resize: Resize, filter: Filter = 'triangle'): Squares => ({
  ...{ imageSize, resizeTo: imageSize, resize, filter },
});

/** Of a training's options, as they are recorded: images of checkpoints that tell of no filter are enlarged as before 0.3. */
export const preprocessingOf = ({
  imageSize,
  resizeTo = imageSize,
  resize = 'stretch',
  filter = 'shifted',
  ...normalization
}: PreprocessingOptions): Preprocessing => ({
  ...{ imageSize, resizeTo, resize, filter, orientation: 'exif', background: '#ffffff' },
  ...normalizationOf(normalization),
});

/** Rows and columns of the square that are cut off before those that the network sees. */
export const cutOff = ({ imageSize, resizeTo }: Squares): number => Math.floor((resizeTo - imageSize) / 2);

/** More is neither decoded nor described in reasonable time. */
export const largestSize = 16_384;

const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= largestSize;

const isColors = (holds: (value: number) => boolean) => (value: unknown) =>
  Array.isArray(value) &&
  value.length === 3 &&
  value.every((one) => typeof one === 'number' && Number.isFinite(one) && holds(one));

/** Which values each field may have, and what completes "give ..." where it has another. */
export const preprocessingRules = {
  imageSize: { holds: isSize, wanted: `a whole number of 1 or more, at most ${largestSize}` },
  resizeTo: { holds: isSize, wanted: `a whole number of 1 or more, at most ${largestSize}` },
  resize: { holds: (value) => resizes.includes(value as Resize), wanted: `one of ${resizes.join(', ')}` },
  filter: { holds: (value) => filters.includes(value as Filter), wanted: `one of ${filters.join(', ')}` },
  mean: {
    holds: isColors((value) => value >= 0 && value <= 1),
    wanted: 'three numbers in [0, 1], of red, green and blue (what is meant for values up to 255, divided by 255)',
  },
  std: {
    holds: isColors((value) => value >= 0.001 && value <= 1),
    wanted: 'three numbers in [0.001, 1], of red, green and blue (what is meant for values up to 255, divided by 255)',
  },
  orientation: { holds: (value) => value === 'exif', wanted: 'exif' },
  background: { holds: (value) => value === '#ffffff', wanted: '#ffffff' },
} satisfies Record<keyof Preprocessing, { holds: (value: unknown) => boolean; wanted: string }>;

/** Whether a value that was read says what is done to images, and nothing that this version can't do. */
export function isPreprocessing(value: unknown): value is Preprocessing {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  if (!Object.entries(preprocessingRules).every(([key, { holds }]) => holds(fields[key]))) return false;
  const { imageSize, resizeTo, filter } = value as Preprocessing;
  return resizeTo >= imageSize && (filter === 'triangle' || resizeTo === imageSize);
}

const fitting: Record<Resize, string> = {
  stretch: 'ignoring its aspect',
  cover: 'keeping its aspect and cutting off what is beyond the middle',
  contain: 'keeping its aspect and padding it with white',
};

const filterTexts: Record<Filter, string> = {
  triangle: 'a triangle filter, antialiased, centers of pixels at halves (PIL: BILINEAR with reducing_gap=2.0)',
  shifted: 'a triangle filter, antialiased; images that grow lie half a pixel off (dws before 0.3)',
};

/** Squares in words, to follow "is" or "resized". */
export function squaresText(squares: Squares): string {
  const { imageSize, resizeTo, resize, filter } = squares;
  const middle = imageSize === resizeTo ? '' : `, of which the middle ${imageSize} x ${imageSize} are taken`;
  return `resized to ${resizeTo} x ${resizeTo} pixels ${fitting[resize]}, by ${filterTexts[filter]}${middle}`;
}

/** Everything in one sentence for people. */
export const preprocessingText = (preprocessing: Preprocessing): string => {
  const { mean, std } = preprocessing;
  return (
    `The first frame of an image, turned upright as EXIF says, in 8-bit sRGB, transparency drawn on white, is ` +
    `${squaresText(preprocessing)}; the network sees (value / 255 - mean) / std with mean ${mean.join(', ')} and ` +
    `std ${std.join(', ')} of red, green and blue.`
  );
};
