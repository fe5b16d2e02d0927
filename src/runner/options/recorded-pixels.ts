/** What checkpoints record of pixels besides `imageSize`, and what those mean that say less. */
import type { Normalization } from '../../graph/preprocessing.js';
import { imageNet } from '../../graph/preprocessing.js';
import type { RunOptions } from './run-options.js';

type Pixels = Pick<RunOptions, 'resize' | 'resizeTo' | 'filter' | 'flip'>;

/** What is not recorded: what versions before 0.3 did, which recorded `resize` alone. */
export const unrecordedPixels = { filter: 'shifted', flip: 0.5 } as const;

/** As it is recorded. */
export const recordedPixels = ({
  resize,
  resizeTo,
  filter,
  flip,
  imageSize,
}: Pixels & Pick<RunOptions, 'imageSize'>): { [Key in keyof Pixels]?: Pixels[Key] } => ({
  resize,
  resizeTo: resizeTo === imageSize ? undefined : resizeTo,
  filter: filter === unrecordedPixels.filter ? undefined : filter,
  flip: flip === unrecordedPixels.flip ? undefined : flip,
});

const unlessEqual = (values: readonly number[] | undefined, usual: readonly number[]) =>
  values?.some((value, i) => value !== usual[i]) ? values : undefined;

/** What is not ImageNet's: equal runs record the same, whether the numbers are given or not. */
export const recordedNormalization = ({ mean, std }: Partial<Normalization>): Partial<Normalization> => ({
  mean: unlessEqual(mean, imageNet.mean),
  std: unlessEqual(std, imageNet.std),
});
