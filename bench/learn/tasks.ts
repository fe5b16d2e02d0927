/** What a person could want to teach: a few classes, a few images of each, and other images to try it on. */
import path from 'node:path';
import { Philox } from '../../src/graph/state/philox.js';
import type { ImageSet } from '../../src/runner/data/folder.js';
import type { TaskImage } from './page.js';

export interface TaskShape {
  classes: number;
  /** Images of each class to learn from, and to try. */
  taught: number;
  fresh: number;
}

/** Places of each class's images, for the classes that have `count` or more. */
function groupsOf(set: ImageSet, count: number): number[][] {
  const groups = set.classes.map((): number[] => []);
  for (const [place, { label }] of set.images.entries()) groups[label]!.push(place);
  return groups.filter((group) => group.length >= count);
}

/** `count` classes that have images enough, drawn at random, with the images of a task each. */
export function drawClasses(set: ImageSet, count: number, { taught, fresh }: TaskShape): TaskImage[][] {
  const random = new Philox(1, 'classes');
  const groups = groupsOf(set, taught + fresh);
  return random.choose(groups.length, Math.min(count, groups.length)).map((place) => {
    const group = groups[place]!;
    return random.choose(group.length, taught + fresh).map((member, i) => {
      const { path: file, label } = set.images[group[member]!]!;
      const url = `/data/${path.relative(set.root, file).split(path.sep).map(encodeURIComponent).join('/')}`;
      return { url, label: set.classes[label]!, isTaught: i < taught };
    });
  });
}

const squaredDistance = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);

const meanOf = (rows: readonly number[][]) => rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0));

/**
 * A class and those that look most like it to the backbone.
 *
 * @param features of each class's images
 */
export function alike(features: readonly number[][][], first: number, count: number): number[] {
  const centers = features.map(meanOf);
  const distances = centers.map((center) => squaredDistance(center, centers[first]!));
  return [...centers.keys()].sort((a, b) => distances[a]! - distances[b]!).slice(0, count);
}
