/** The images that a report looks at, where there are more than it can. */
import { Philox } from '../../graph/state/philox.js';
import { groupBy } from '../base/group-by.js';

/** So many classes are among the chosen images at least, where there are as many, however large they are. */
const leastClasses = 50;

/**
 * Whole classes in random order, always the same, as many as hold `most` images together; of classes that would leave no room for
 * 50 of them, a part drawn at random.
 *
 * @param labels [images]
 * @returns places of the chosen images, in their order
 */
export function choosePlaces(labels: readonly number[], most: number): number[] {
  const places = [...labels.keys()];
  if (places.length <= most) return places;
  const classes = [...groupBy(places, (place) => labels[place]!).values()];
  const share = Math.max(2, Math.floor(most / Math.min(leastClasses, classes.length)));
  const random = new Philox(0, 'report');
  const chosen: number[] = [];
  for (const at of random.choose(classes.length, classes.length)) {
    const members = classes[at]!;
    const some = members.length > share ? random.choose(members.length, share).map((i) => members[i]!) : members;
    if (chosen.length + some.length <= most) for (const place of some) chosen.push(place);
  }
  return chosen.sort((a, b) => a - b);
}
