/** A person teaches the model: boxes of images, a button, the loss, and what is found before and after. */
import { announce } from '../announce.js';
import { make } from '../dom.js';
import { ortUrl } from '../places.js';
import { problemOf } from '../problem.js';
import type { HeadTrainer } from '../../../../src/web/learn.js';
import { Box, fewest } from './boxes.js';
import type { Taught } from './boxes.js';
import type { LearnContext } from './context.js';
import { LossCurve } from './curve.js';
import { LearnedHead } from './learned.js';
import { Outcome } from './outcome.js';
import './learn.css';

const steps = 200;

/** What is missing for a training, in words; undefined when nothing is. */
function missing(boxes: readonly Box[]): string | undefined {
  if (boxes.some(({ isBusy }) => isBusy)) return 'Looking at your images.';
  if (boxes.some(({ name }) => name === '')) return 'Give every box a name.';
  const names = boxes.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) return `Two boxes are named ${twice}. Rename one.`;
  const small = boxes.find(({ taught }) => taught.length < fewest.images);
  return small && `Put ${fewest.images} images or more into ${small.name}.`;
}

const button = (text: string, onClick: () => void, kind = 'button'): HTMLButtonElement => {
  const element = make('button', { class: kind, text });
  element.type = 'button';
  element.addEventListener('click', onClick);
  return element;
};

class LearnPanel {
  private readonly boxes: Box[] = [];
  private readonly place = make('div', { class: 'learn-boxes' });
  private readonly addBox = button('Add a box', () => this.add().focus());
  private readonly teach = button('Teach', () => void this.run(), 'button primary');
  private readonly stop = button('Stop', () => this.stopping?.abort());
  private readonly reset = button('Start over', () => this.startOver());
  private readonly hint = make('p', { class: 'note', text: '' });
  private readonly problem = make('p', { class: 'learn-problem' });
  private readonly curve = new LossCurve();
  private readonly results = make('div');
  private readonly learned: LearnedHead;
  private trainer: Promise<HeadTrainer> | undefined;
  private stopping: AbortController | undefined;
  private outcome: Outcome | undefined;
  private made = 0;

  constructor(
    container: HTMLElement,
    private readonly context: LearnContext,
  ) {
    const text =
      'Put images of two kinds or more into boxes. The last layer of the model learns from them to tell the kinds apart, ' +
      'here in the page: your images stay on your device.';
    this.learned = new LearnedHead(context);
    this.hint.id = 'learn-hint';
    this.teach.setAttribute('aria-describedby', this.hint.id);
    this.problem.setAttribute('role', 'alert');
    container.classList.add('learn-panel');
    container.replaceChildren(
      make('p', { class: 'note', text }),
      this.place,
      make('div', { class: 'learn-actions' }, this.teach, this.stop, this.addBox, this.reset, this.learned.load),
      this.hint,
      this.problem,
      this.learned.element,
      this.curve.element,
      this.results,
    );
    while (this.boxes.length < fewest.boxes) this.add();
    this.setRunning(false);
  }

  private add(): Box {
    const box = new Box(`Kind ${++this.made}`, {
      features: this.context.features,
      onChange: () => this.change(),
      onRemove: (removed) => this.remove(removed),
    });
    this.boxes.push(box);
    this.place.append(box.element);
    this.change();
    return box;
  }

  private remove(box: Box): void {
    this.boxes.splice(this.boxes.indexOf(box), 1);
    box.dispose();
    this.change();
    this.boxes.at(-1)!.focus();
  }

  /** What is told of the boxes was told of other images: it goes. What was learned stays to be kept. */
  private change(): void {
    this.forget();
    for (const box of this.boxes) box.isRemovable = this.boxes.length > fewest.boxes;
    this.refresh();
  }

  private refresh(): void {
    const lack = missing(this.boxes);
    this.hint.textContent = lack ?? '';
    this.teach.disabled = lack !== undefined || this.stopping !== undefined;
  }

  private forget(): void {
    this.outcome?.dispose();
    this.outcome = undefined;
    this.curve.element.hidden = true;
    this.problem.textContent = '';
  }

  private startOver(): void {
    for (const box of this.boxes.splice(0)) box.dispose();
    this.learned.clear();
    this.made = 0;
    while (this.boxes.length < fewest.boxes) this.add();
    this.boxes[0]!.focus();
    announce('The boxes are empty, and the model is as it was.');
  }

  private setRunning(isRunning: boolean): void {
    for (const box of this.boxes) box.isLocked = isRunning;
    this.addBox.disabled = this.reset.disabled = this.learned.load.disabled = isRunning;
    this.stop.hidden = !isRunning;
    this.refresh();
  }

  private async run(): Promise<void> {
    const taught = this.boxes.flatMap((box) => box.taught);
    this.forget();
    this.stopping = new AbortController();
    this.setRunning(true);
    announce('Learning.');
    try {
      const trainer = await this.learn(taught, this.stopping.signal);
      this.outcome = new Outcome(taught, (features) => trainer.apply(features), this.context.features);
      this.results.replaceChildren(this.outcome.element);
      const kinds = new Set(taught.map(({ label }) => label));
      this.learned.set(trainer.head, `The last layer learned ${[...kinds].join(', ')} from ${taught.length} images.`);
      announce(this.outcome.summary);
    } catch (error) {
      this.problem.textContent = problemOf(error).text;
    } finally {
      this.stopping = undefined;
      this.setRunning(false);
      this.teach.focus();
    }
  }

  /** From the model's own head, so that the same boxes come to the same; stopping keeps what is learned till then. */
  private async learn(taught: readonly Taught[], signal: AbortSignal): Promise<HeadTrainer> {
    const trainer = await this.open();
    trainer.reset();
    trainer.clearExamples();
    for (const { label, features } of taught) trainer.addExample(label, features);
    this.curve.begin(steps);
    await trainer.train({ steps, signal, onStep: (loss) => this.curve.add(loss, steps) }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    return trainer;
  }

  /** Loaded when it is first needed; after a failure, again. */
  private async open(): Promise<HeadTrainer> {
    const { headUrl, info } = this.context;
    this.trainer ??= import('../../../../src/web/learn.js').then(({ HeadTrainer }) =>
      HeadTrainer.load(headUrl, info, { wasmPaths: ortUrl }),
    );
    try {
      return await this.trainer;
    } catch (error) {
      this.trainer = undefined;
      throw error;
    }
  }
}

/** Fills `container` with the panel. */
export function mountLearnPanel(container: HTMLElement, context: LearnContext): void {
  new LearnPanel(container, context);
}
