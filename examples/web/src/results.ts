/** The nearest images, and a few to begin with. */
import { byId, make } from './dom.js';
import { distance } from './format.js';
import type { Sprites } from './sprites.js';

export interface Found {
  index: number;
  id: string;
  label: string;
  distance: number;
}

export interface ResultHooks {
  sprites: Sprites;
  /** An image was chosen to search with. */
  onPick(index: number): void;
  /** An image is pointed at or has the focus; undefined when none is. */
  onLook(index: number | undefined): void;
}

const section = byId('results', HTMLElement);
const list = byId('results-list', HTMLOListElement);
const title = byId('results-title', HTMLHeadingElement);
const note = byId('results-note', HTMLParagraphElement);

function item(index: number, label: string, detail: string | undefined, { sprites, onPick, onLook }: ResultHooks) {
  const image = make('canvas');
  image.width = image.height = 192;
  void sprites.paint(image, index);
  const button = make('button', { class: 'tile' }, image, make('span', { class: 'label', text: label }));
  if (detail !== undefined) {
    button.append(
      make('span', { class: 'unseen', text: ', distance ' }),
      make('span', { class: 'distance', text: detail }),
    );
  }
  button.type = 'button';
  button.title = `Search with this image: ${label}`;
  button.addEventListener('click', () => onPick(index));
  for (const event of ['pointerenter', 'focus']) button.addEventListener(event, () => onLook(index));
  for (const event of ['pointerleave', 'blur']) button.addEventListener(event, () => onLook(undefined));
  return make('li', {}, button);
}

/** @param byLearned whether they were found by a head that learned in the page */
export function showResults(found: readonly Found[], hooks: ResultHooks, byLearned: boolean): void {
  title.textContent = byLearned ? 'Nearest images, by what it learned' : 'Nearest images';
  note.textContent = 'Distance between embeddings: 0 for the same, 2 for opposite.';
  // The button that was pressed goes, and with it would the keyboard's place.
  if (list.contains(document.activeElement)) section.focus({ preventScroll: true });
  list.replaceChildren(...found.map(({ index, label, distance: d }) => item(index, label, distance(d), hooks)));
}

/** Before the first search. */
export function showSuggestions(images: readonly { index: number; label: string }[], hooks: ResultHooks): void {
  title.textContent = 'Or begin with one of these';
  note.textContent = '';
  list.replaceChildren(...images.map(({ index, label }) => item(index, label, undefined, hooks)));
}

/** Where there is nothing to search. */
export function showNoGallery(): void {
  title.textContent = 'Nothing to search';
  note.textContent = 'Without a gallery, images are embedded but not compared.';
  list.replaceChildren();
}
