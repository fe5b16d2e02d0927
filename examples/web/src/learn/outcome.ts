/** What the head finds before and after it learned: among the images of the boxes, and for new ones. */
import { make } from '../dom.js';
import { problemOf } from '../problem.js';
import { percent } from '../format.js';
import { nearest, nearestOthers } from '../../../../src/web/learn-neighbors.js';
import type { Taught } from './boxes.js';
import { takeDrops } from './boxes.js';
import type { ApplyHead, LearnContext } from './context.js';

interface Turn {
  name: 'Before' | 'After';
  /** Of the taught images. */
  embeddings: Float32Array[];
  /** An image that the model has seen -> its embedding. */
  embed(seen: Pick<Taught, 'embedding' | 'features'>): Float32Array;
}

const thumb = (url: string, alt: string): HTMLImageElement => Object.assign(make('img'), { src: url, alt });

function row(header: Node, cells: readonly Node[]): HTMLTableRowElement {
  const first = make('th', {}, header);
  first.scope = 'row';
  return make('tr', {}, first, ...cells);
}

function table(caption: string, columns: readonly string[], ...rows: HTMLTableRowElement[]): HTMLTableElement {
  const head = columns.map((text) => Object.assign(make('th', { text }), { scope: 'col' }));
  return make(
    'table',
    { class: 'learn-table' },
    make('caption', { text: caption }),
    make('thead', {}, make('tr', {}, ...head)),
    make('tbody', {}, ...rows),
  );
}

const verdict = (isRight: boolean): HTMLElement =>
  make('span', { class: isRight ? 'learn-right' : 'learn-wrong', text: isRight ? '✓ same box' : '✗ another box' });

/** Images that were in no box: which box holds the nearest one. */
class Trial {
  readonly element = make('div', { class: 'learn-trial' });
  private readonly table = table('New images', ['Image', 'Before: nearest box', 'After: nearest box']);
  private readonly problem = make('p', { class: 'learn-problem' });
  private readonly urls: string[] = [];

  constructor(
    private readonly taught: readonly Taught[],
    private readonly turns: readonly Turn[],
    private readonly features: LearnContext['features'],
  ) {
    const choose = make('button', { class: 'button', text: 'Try new images' });
    const files = Object.assign(make('input'), { type: 'file', accept: 'image/*', multiple: true, hidden: true });
    choose.type = 'button';
    choose.addEventListener('click', () => files.click());
    files.addEventListener('change', () => {
      const chosen = Array.from(files.files ?? []);
      files.value = '';
      void this.take(chosen);
    });
    takeDrops(this.element, (dropped) => void this.take(dropped));
    this.problem.setAttribute('role', 'alert');
    this.table.hidden = true;
    const text = 'A fair test takes images that were in no box. Drop some here, or choose them.';
    this.element.append(make('p', { class: 'note', text }), choose, files, this.problem, this.table);
  }

  dispose(): void {
    for (const url of this.urls) URL.revokeObjectURL(url);
  }

  private async take(files: readonly File[]): Promise<void> {
    this.problem.textContent = '';
    for (const file of files) {
      try {
        this.show(file, await this.features(file));
      } catch (error) {
        this.problem.textContent = `${file.name}: ${problemOf(error).text}`;
      }
    }
  }

  private show(file: File, seen: Awaited<ReturnType<LearnContext['features']>>): void {
    const url = URL.createObjectURL(file);
    this.urls.push(url);
    const cells = this.turns.map(({ embeddings, embed }) => {
      const { index, distance } = nearest(embed(seen), embeddings)!;
      return make('td', { text: `${this.taught[index]!.label} (distance ${distance.toFixed(2)})` });
    });
    this.table.tBodies[0]!.prepend(row(thumb(url, file.name), cells));
    this.table.hidden = false;
  }
}

export class Outcome {
  readonly element = make('div', { class: 'learn-outcome' });
  /** For screen readers, and to begin with. */
  readonly summary: string;
  private readonly trial: Trial;

  /** @param apply the head that learned from `taught` */
  constructor(taught: readonly Taught[], apply: ApplyHead, features: LearnContext['features']) {
    const turns: Turn[] = [
      { name: 'Before', embeddings: taught.map(({ embedding }) => embedding), embed: ({ embedding }) => embedding },
      {
        name: 'After',
        embeddings: taught.map((image) => apply(image.features)),
        embed: (seen) => apply(seen.features),
      },
    ];
    const found = turns.map(({ embeddings }) => nearestOthers(embeddings));
    const isRight = (image: number, turn: number) => taught[found[turn]![image]!.index]!.label === taught[image]!.label;
    const shares = turns.map((_, turn) => taught.filter((_, image) => isRight(image, turn)).length / taught.length);
    const [before, after] = shares.map(percent);
    this.summary = `The nearest other image is of the same box for ${before} of the images before, ${after} after.`;
    const rows = taught.map((image, i) =>
      row(
        thumb(image.url, `An image of ${image.label}`),
        turns.map((_, turn) => {
          const { url, label } = taught[found[turn]![i]!.index]!;
          return make('td', {}, thumb(url, `An image of ${label}`), verdict(isRight(i, turn)));
        }),
      ),
    );
    this.trial = new Trial(taught, turns, features);
    this.element.append(
      make('p', { class: 'learn-summary', text: this.summary }),
      make('p', { class: 'note', text: 'These are the images that it learned from, so expect them to be right.' }),
      this.trial.element,
      make(
        'details',
        {},
        make('summary', { text: 'Image by image' }),
        table('Nearest of the other images', ['Image', 'Before', 'After'], ...rows),
      ),
    );
  }

  dispose(): void {
    this.trial.dispose();
    this.element.remove();
  }
}
