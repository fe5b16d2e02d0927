/** The card beside a point of the map: its image, class and name. */
import type { MapData } from './data.js';

const width = 176;

const verdicts = new Map([
  [1, '✓ nearest image is of its class'],
  [0, '✗ nearest image is of another class'],
]);

export class PointCard {
  private readonly card = document.createElement('div');
  private readonly picture = document.createElement('div');
  private readonly label = document.createElement('strong');
  private readonly verdict = document.createElement('span');
  private readonly name = document.createElement('span');

  constructor(
    private readonly place: HTMLElement,
    private readonly data: MapData,
  ) {
    this.card.className = 'card';
    this.card.hidden = true;
    this.card.style.width = `${width}px`;
    this.picture.className = 'card-picture';
    this.name.className = 'card-name';
    // Screen readers tell the text as it changes.
    this.card.setAttribute('role', 'status');
    this.card.append(this.picture, this.label, this.verdict, this.name);
    place.append(this.card);
  }

  hide(): void {
    this.card.hidden = true;
  }

  /** @param x, y of the point, from the corner of the map */
  show(index: number, x: number, y: number): void {
    const { thumbs, classes, labels, names, found } = this.data;
    const perSheet = thumbs.columns * thumbs.rows;
    const at = index % perSheet;
    const scale = 160 / thumbs.size;
    const { style } = this.picture;
    style.backgroundImage = `url("${thumbs.sheets[Math.floor(index / perSheet)]!}")`;
    style.backgroundSize = `${thumbs.columns * thumbs.size * scale}px auto`;
    style.backgroundPosition = `${-(at % thumbs.columns) * 160}px ${-Math.floor(at / thumbs.columns) * 160}px`;
    this.label.textContent = classes[labels[index]!]!;
    this.verdict.textContent = verdicts.get(found[index] ?? -1) ?? 'the only image of its class here';
    this.name.textContent = names[index]!;
    this.card.hidden = false;
    const { clientWidth, clientHeight } = this.place;
    const left = x + 16 + width < clientWidth ? x + 16 : Math.max(0, x - 16 - width);
    const top = Math.min(Math.max(0, y - 60), Math.max(0, clientHeight - this.card.offsetHeight));
    this.card.style.transform = `translate(${left}px, ${top}px)`;
  }
}
