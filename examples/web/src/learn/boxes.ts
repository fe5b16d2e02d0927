/** Named boxes of images, which the head is taught to tell apart. */
import { make } from '../dom.js';
import { problemOf } from '../problem.js';
import type { LearnContext } from './context.js';

/** An image in a box, as the model sees it. */
export interface Taught {
  /** Name of its box. */
  label: string;
  url: string;
  /** By the head as it was trained, [embedDim]. */
  embedding: Float32Array;
  /** [featDim] */
  features: Float32Array;
}

type Seen = Awaited<ReturnType<LearnContext['features']>>;

interface BoxHooks {
  features: LearnContext['features'];
  /** Images or names are not what they were. */
  onChange(): void;
  onRemove(box: Box): void;
}

/** Fewer say nothing of what is alike in a box. */
export const fewest = { boxes: 2, images: 2 } as const;

export class Box {
  readonly element = make('section', { class: 'learn-box' });
  private readonly input = make('input', { class: 'learn-name' });
  private readonly list = make('ul', { class: 'learn-images' });
  private readonly problem = make('p', { class: 'learn-problem' });
  private readonly add = make('button', { class: 'button', text: 'Add images' });
  private readonly files = make('input');
  private readonly close = make('button', { class: 'close', text: '×' });
  private readonly images = new Map<HTMLLIElement, { url: string; seen?: Seen }>();

  constructor(
    name: string,
    private readonly hooks: BoxHooks,
  ) {
    this.input.value = name;
    this.input.type = 'text';
    this.input.maxLength = 40;
    this.input.setAttribute('aria-label', 'Name of the box');
    this.files.type = 'file';
    this.files.accept = 'image/*';
    this.files.multiple = true;
    this.files.hidden = true;
    this.add.type = this.close.type = 'button';
    this.problem.setAttribute('role', 'alert');
    this.element.append(
      make('div', { class: 'learn-box-head' }, this.input, this.close),
      this.list,
      this.add,
      this.files,
      this.problem,
    );
    this.rename();
    this.listen();
  }

  get name(): string {
    return this.input.value.trim();
  }

  /** Whether images are still on their way through the model. */
  get isBusy(): boolean {
    return [...this.images.values()].some(({ seen }) => !seen);
  }

  get taught(): Taught[] {
    return [...this.images.values()].flatMap(({ url, seen }) => (seen ? [{ label: this.name, url, ...seen }] : []));
  }

  set isRemovable(value: boolean) {
    this.close.hidden = !value;
  }

  set isLocked(value: boolean) {
    const controls = this.element.querySelectorAll<HTMLInputElement | HTMLButtonElement>('input, button');
    controls.forEach((control) => (control.disabled = value));
  }

  focus(): void {
    this.input.focus();
  }

  /** Frees what the browser holds of the images. */
  dispose(): void {
    for (const { url } of this.images.values()) URL.revokeObjectURL(url);
    this.images.clear();
    this.element.remove();
  }

  private listen(): void {
    this.input.addEventListener('input', () => this.rename());
    this.add.addEventListener('click', () => this.files.click());
    this.close.addEventListener('click', () => this.hooks.onRemove(this));
    this.files.addEventListener('change', () => {
      const chosen = Array.from(this.files.files ?? []);
      // So that the same file can be chosen again.
      this.files.value = '';
      this.take(chosen);
    });
    takeDrops(this.element, (files) => this.take(files));
  }

  private rename(): void {
    const name = this.name || 'the box without a name';
    this.element.setAttribute('aria-label', `Box: ${name}`);
    this.add.setAttribute('aria-label', `Add images to ${name}`);
    this.close.setAttribute('aria-label', `Remove ${name}`);
    this.hooks.onChange();
  }

  private take(files: readonly File[]): void {
    this.problem.textContent = files.length > 0 ? '' : 'There is no image in it. Drop image files.';
    if (!this.input.disabled) for (const file of files) void this.takeOne(file);
  }

  private async takeOne(file: File): Promise<void> {
    const item = this.show(file);
    this.hooks.onChange();
    try {
      const { embedding, features } = await this.hooks.features(file);
      const image = this.images.get(item);
      if (!image) return;
      image.seen = { embedding, features };
      item.classList.remove('pending');
    } catch (error) {
      this.drop(item);
      this.problem.textContent = `${file.name}: ${problemOf(error).text}`;
    }
    this.hooks.onChange();
  }

  private show(file: File): HTMLLIElement {
    const image = make('img');
    const remove = make('button', { class: 'learn-remove', text: '×' });
    const item = make('li', { class: 'pending' }, image, remove);
    const url = URL.createObjectURL(file);
    image.src = url;
    image.alt = file.name;
    remove.type = 'button';
    remove.setAttribute('aria-label', `Remove ${file.name}`);
    remove.addEventListener('click', () => {
      this.drop(item);
      this.add.focus();
      this.hooks.onChange();
    });
    this.images.set(item, { url });
    this.list.append(item);
    return item;
  }

  private drop(item: HTMLLIElement): void {
    const image = this.images.get(item);
    if (image) URL.revokeObjectURL(image.url);
    this.images.delete(item);
    item.remove();
  }
}

/** Lets an element take files that are dropped into it. */
export function takeDrops(element: HTMLElement, onFiles: (files: readonly File[]) => void): void {
  const show = (isOver: boolean) => element.classList.toggle('over', isOver);
  element.addEventListener('dragover', (event) => {
    event.preventDefault();
    show(true);
  });
  element.addEventListener('dragleave', (event) => {
    if (!element.contains(event.relatedTarget as Node | null)) show(false);
  });
  element.addEventListener('drop', (event) => {
    event.preventDefault();
    show(false);
    onFiles(Array.from(event.dataTransfer?.files ?? []));
  });
}
