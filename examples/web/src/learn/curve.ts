/** The loss while it falls: one line in an SVG. */
import { make } from '../dom.js';

const svgNames = 'http://www.w3.org/2000/svg';
const [width, height] = [600, 160];

function draw<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, string>) {
  const element = document.createElementNS(svgNames, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const number = (loss: number): string => loss.toFixed(3);

export class LossCurve {
  readonly element = make('figure', { class: 'learn-curve' });
  private readonly svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' });
  private readonly line = draw('polyline', { 'vector-effect': 'non-scaling-stroke' });
  private readonly top = make('span', { class: 'learn-curve-top' });
  private readonly caption = make('figcaption');
  private losses: number[] = [];
  private isDue = false;

  constructor() {
    this.svg.append(this.line);
    this.element.append(this.top, this.svg, this.caption);
    this.element.hidden = true;
  }

  /** @param steps the width of the whole curve */
  begin(steps: number): void {
    this.losses = [];
    this.element.hidden = false;
    this.plan(steps);
  }

  add(loss: number, steps: number): void {
    this.losses.push(loss);
    this.plan(steps);
  }

  /** Draws at the next frame, however many losses come till then. */
  private plan(steps: number): void {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw(steps);
    });
  }

  private draw(steps: number): void {
    const { losses } = this;
    const highest = Math.max(...losses, 1e-3);
    const x = (step: number) => (width * step) / Math.max(steps - 1, 1);
    const y = (loss: number) => height * (1 - loss / highest);
    this.line.setAttribute('points', losses.map((loss, i) => `${x(i).toFixed(1)},${y(loss).toFixed(1)}`).join(' '));
    this.top.textContent = losses.length > 0 ? `highest ${number(highest)}` : '';
    const last = losses.at(-1);
    const text = last === undefined ? 'Starting' : `Loss ${number(last)} after ${losses.length} of ${steps} steps`;
    this.caption.textContent = text;
    this.svg.setAttribute('aria-label', last === undefined ? text : `${text}; it began at ${number(losses[0]!)}`);
  }
}
