/** The images of a training, looked at before it begins. */
import { counted } from '../base/counted.js';
import { listSome } from '../base/list-some.js';
import type { Ranks } from '../compute/ranks.js';
import { alone } from '../compute/ranks.js';
import type { UsedImages } from '../data/check.js';
import { usedImages, withoutBad } from '../data/check.js';
import type { ImageSet } from '../data/folder.js';
import type { ImageLoader } from '../data/loader.js';
import { checkAmongRanks } from '../evaluation/check-among-ranks.js';
import type { RunHooks } from './events.js';

export interface CheckedSplits {
  train: ImageSet;
  val: ImageSet;
  used: { train: UsedImages; val: UsedImages };
}

/** Checks the images of both splits, train first. */
export async function checkSplits(
  splits: { train: ImageSet; val: ImageSet },
  loader: ImageLoader,
  skipBad: boolean,
  { onEvent, signal }: RunHooks,
  ranks: Ranks = alone,
): Promise<CheckedSplits> {
  const check = async (split: 'train' | 'val') => {
    const onProgress = (done: number, total: number) => {
      signal.throwIfAborted();
      onEvent({ kind: 'check-progress', split, done, total });
    };
    return withoutBad(splits[split], await checkAmongRanks(splits[split], loader, ranks, { onProgress }), skipBad);
  };
  const train = await check('train');
  const val = await check('val');
  const skipped = [...train.skipped, ...val.skipped];
  if (skipped.length > 0) {
    const names = listSome(skipped.map(({ path, reason }) => `${path}: ${reason}`));
    onEvent({
      kind: 'note',
      message: `${counted(skipped.length, 'image cannot be read and is', 'images cannot be read and are')} left out:\n${names}`,
    });
  }
  const used = { train: usedImages(train.set, train.skipped.length), val: usedImages(val.set, val.skipped.length) };
  return { train: train.set, val: val.set, used };
}
