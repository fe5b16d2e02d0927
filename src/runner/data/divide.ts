/** A set without a split of its own -> training and validation, by chance: the same for the same images and seed. */
import { Philox } from '../../graph/state/philox.js';
import { UserError } from '../base/errors.js';
import type { ValSplit } from '../base/val-split.js';
import type { ImageSet, Split } from './folder.js';
import { filledClasses, keepImages, nameOfSet, oneTooHigh } from './folder.js';

/** Training takes at least two classes. */
const fewestClasses = 2;

/** The labels of the classes that go to validation. */
function classesForVal(set: ImageSet, { share, seed }: ValSplit): Set<number> {
  const { classes } = set;
  if (classes.length <= fewestClasses) {
    const held = classes.length === 1 ? '1 class' : `${classes.length} classes`;
    const instead = ` Take some of the images of each, with images:${share}.`;
    throw new UserError(
      `${nameOfSet(set)} holds ${held}: --val-split classes:${share} leaves too few to train on.` +
        (classes.length === fewestClasses ? instead : oneTooHigh(set)),
    );
  }
  const wanted = Math.min(Math.max(1, Math.round(share * classes.length)), classes.length - fewestClasses);
  return new Set(new Philox(seed, 'split').choose(classes.length, wanted));
}

/** The places of the images that go to validation: of each class the share, rounded, but never all of it. */
function imagesForVal({ images }: ImageSet, { share, seed }: ValSplit): Set<number> {
  const groups: number[][] = [];
  for (const [place, { label }] of images.entries()) (groups[label] ??= []).push(place);
  const chosen = new Set<number>();
  for (const [label, places] of groups.entries()) {
    if (places === undefined) continue;
    const wanted = Math.min(Math.round(share * places.length), places.length - 1);
    for (const i of new Philox(seed, 'split', label).choose(places.length, wanted)) chosen.add(places[i]!);
  }
  return chosen;
}

/**
 * One part of an undivided set. Of divided classes, those of a part are numbered anew; of divided images, both parts have all
 * classes that they have images of.
 *
 * @param whole its `split` does not matter
 * @throws UserError when there are too few classes to divide
 */
export function divide(whole: ImageSet, how: ValSplit, split: Split): ImageSet {
  const isVal = split === 'val';
  let part: ImageSet;
  if (how.by === 'classes') {
    const taken = classesForVal(whole, how);
    part = keepImages(whole, ({ label }) => taken.has(label) === isVal);
  } else {
    const taken = imagesForVal(whole, how);
    const places = new Map(whole.images.map((image, place) => [image, place]));
    part = keepImages(whole, (image) => taken.has(places.get(image)!) === isVal);
  }
  // What is passed over is told once, with the images that are trained on.
  return { ...filledClasses(part), split, passedOver: isVal ? undefined : part.passedOver };
}
