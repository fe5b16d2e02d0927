/** The head that learned, in a person's hands: kept as a file, and searched with. */
import { announce } from '../announce.js';
import { make } from '../dom.js';
import { problemOf } from '../problem.js';
import { loadHead, saveHead } from '../../../../src/web/learn-file.js';
import type { Head } from '../../../../src/web/learn-head.js';
import type { LearnContext } from './context.js';

type Hooks = Pick<LearnContext, 'info' | 'searchWith'>;

function button(text: string, onClick: () => void): HTMLButtonElement {
  const element = make('button', { class: 'button', text });
  element.type = 'button';
  element.addEventListener('click', onClick);
  return element;
}

export class LearnedHead {
  readonly element = make('div', { class: 'learn-kept' });
  /** For where the other buttons of the panel are: what was downloaded once can be loaded before anything is taught. */
  readonly load = button('Load', () => this.files.click());
  private readonly card = make('section', { class: 'learn-learned' });
  private readonly files = make('input');
  private readonly origin = make('p', { class: 'learn-origin' });
  private readonly search = button('Search with it', () => void this.toggle());
  private readonly note = make('p', { class: 'note' });
  private readonly problem = make('p', { class: 'learn-problem' });
  private head: Head | undefined;

  constructor(private readonly hooks: Hooks) {
    Object.assign(this.files, { type: 'file', accept: '.safetensors', hidden: true });
    this.files.setAttribute('aria-label', 'File of a learned layer');
    this.load.setAttribute('aria-label', 'Load a learned layer');
    this.files.addEventListener('change', () => {
      const file = this.files.files?.[0];
      this.files.value = '';
      if (file) void this.take(file);
    });
    this.problem.setAttribute('role', 'alert');
    this.card.setAttribute('aria-label', 'The learned layer');
    const actions = make(
      'div',
      { class: 'learn-actions' },
      button('Download', () => this.download()),
      this.search,
    );
    this.card.append(this.origin, actions, this.note);
    this.card.hidden = true;
    this.element.append(this.files, this.problem, this.card);
    this.show(false);
  }

  /** @param origin where it comes from, in words */
  set(head: Head, origin: string): void {
    this.head = head;
    this.problem.textContent = '';
    this.origin.textContent = origin;
    this.card.hidden = false;
    // Whoever searched with what was learned before searches with this.
    if (this.isSearching) void this.use(head);
  }

  clear(): void {
    this.head = undefined;
    this.problem.textContent = '';
    this.card.hidden = true;
    void this.use(undefined);
  }

  private get isSearching(): boolean {
    return this.search.getAttribute('aria-pressed') === 'true';
  }

  private async take(file: File): Promise<void> {
    try {
      const head = await loadHead(file, this.hooks.info);
      this.set(head, `The last layer comes from ${file.name}.`);
      announce(`${file.name} is loaded.`);
    } catch (error) {
      this.problem.textContent = `${file.name}: ${problemOf(error).text}`;
    }
  }

  private download(): void {
    const { info } = this.hooks;
    const url = URL.createObjectURL(saveHead(this.head!, info));
    const link = Object.assign(make('a'), { href: url, download: `${info.model}-learned.safetensors` });
    link.click();
    // Browsers read it after the click.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  private async toggle(): Promise<void> {
    await this.use(this.isSearching ? undefined : this.head);
  }

  private async use(head: Head | undefined): Promise<void> {
    this.problem.textContent = '';
    this.show(head !== undefined);
    try {
      await this.hooks.searchWith(head);
    } catch (error) {
      this.show(false);
      this.problem.textContent = problemOf(error).text;
      await this.hooks.searchWith(undefined);
    }
  }

  private show(isSearching: boolean): void {
    this.search.setAttribute('aria-pressed', String(isSearching));
    this.note.textContent = isSearching
      ? 'Searches above go by the learned layer; the map stays as it was trained.'
      : 'Searches above go by the layer as it was trained.';
  }
}
