/** Who is searched with, and among whom. */
import { count, counted } from '../base/counted.js';
import type { ImageSet } from './folder.js';

/** Places of images, ascending. An image that is both does not find itself. */
export interface SearchSets {
  queries: Int32Array;
  gallery: Int32Array;
}

/** [0, ..., n - 1] */
export const everyPlace = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

/** Every one of n images is searched with, among all others. */
export function everyone(n: number): SearchSets {
  const places = everyPlace(n);
  return { queries: places, gallery: places };
}

/** As the data says which images are queries and which lie in the gallery; every image is both where it says nothing. */
export function searchSets({ images, roles }: Pick<ImageSet, 'images' | 'roles'>): SearchSets {
  if (!roles) return everyone(images.length);
  const places = everyPlace(images.length);
  return {
    queries: places.filter((place) => roles[place]!.isQuery),
    gallery: places.filter((place) => roles[place]!.isGallery),
  };
}

/** What there is to find. */
export interface SearchCounts {
  queries: number;
  gallery: number;
  /** Whether some images are queries or in the gallery alone. */
  isApart: boolean;
  /** Images of the gallery that no query can find: none is of their class. */
  distractors: number;
  /** Queries of whose class the gallery holds no other image: they never find one. */
  alone: number;
  /** The highest Recall@k that there can be: the share of the other queries. */
  ceiling: number;
}

/** How many images of its class each query can find, by its place among the queries. */
export function othersOf(labels: ArrayLike<number>, { queries, gallery }: SearchSets): Int32Array {
  const sizes = new Map<number, number>();
  const inGallery = new Uint8Array(labels.length);
  for (const place of gallery) {
    inGallery[place] = 1;
    sizes.set(labels[place]!, (sizes.get(labels[place]!) ?? 0) + 1);
  }
  return queries.map((place) => (sizes.get(labels[place]!) ?? 0) - inGallery[place]!);
}

export function countSearch(labels: ArrayLike<number>, sets: SearchSets): SearchCounts {
  const { queries, gallery } = sets;
  const asked = new Set(Array.from(queries, (place) => labels[place]!));
  const alone = othersOf(labels, sets).reduce((sum, others) => sum + Number(others === 0), 0);
  return {
    queries: queries.length,
    gallery: gallery.length,
    isApart: queries.length !== labels.length || gallery.length !== labels.length,
    distractors: gallery.reduce((sum, place) => sum + Number(!asked.has(labels[place]!)), 0),
    alone,
    ceiling: queries.length > 0 ? (queries.length - alone) / queries.length : 0,
  };
}

/** What there is to know of a search before its numbers are read, a sentence each; nothing where every image can find another. */
export function searchTexts({ queries, gallery, isApart, distractors, alone, ceiling }: SearchCounts): string[] {
  return [
    ...(isApart
      ? [
          `${counted(queries, 'query is', 'queries are')} searched among the ${counted(gallery, 'image')} of the gallery, ` +
            `${count(distractors)} of which ${distractors === 1 ? 'is' : 'are'} of a class that no query has.`,
        ]
      : []),
    ...(alone > 0
      ? [
          `${count(alone)} of ${counted(queries, 'query', 'queries')} ${alone === 1 ? 'has' : 'have'} no other image of their class to find: no Recall@k can be above ` +
            `${ceiling.toFixed(4)}. The other metrics leave them out.`,
        ]
      : []),
  ];
}

/** Counts and texts of a set of images. */
export function describeSearch(set: Pick<ImageSet, 'images' | 'roles'>): SearchCounts & { texts: string[] } {
  const counts = countSearch(
    set.images.map(({ label }) => label),
    searchSets(set),
  );
  return { ...counts, texts: searchTexts(counts) };
}
