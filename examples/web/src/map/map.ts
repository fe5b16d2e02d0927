/** The map of the gallery in the page. */
import { announce } from '../announce.js';
import { byId } from '../dom.js';
import type { Sprites } from '../sprites.js';
import type { Colors, Query } from './draw.js';
import { drawGallery, drawOver } from './draw.js';
import { watchGestures } from './gestures.js';
import { imageAt, imageBeside, placeOf } from './places.js';
import type { Point, Screen, View } from './view.js';
import { between, framing, pan, toMap, toScreen, wholeMap, zoomAt } from './view.js';

export interface MapOptions {
  /** [n, 2], each in [0, 1]. */
  positions: Float32Array;
  sprites: Sprites;
  labelOf(index: number): string;
  /** An image was chosen to search with. */
  onPick(index: number): void;
}

/** Pixels around the pointer in which an image is found. */
const REACH = 24;
const ANIMATION_MS = 350;

const directions: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** The canvas at the screen's resolution, to be drawn on in CSS pixels. */
function sized(canvas: HTMLCanvasElement, { width, height }: Screen): CanvasRenderingContext2D {
  const [wide, high] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext('2d')!;
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  return context;
}

export class GalleryMap {
  private readonly canvas = byId('map', HTMLCanvasElement);
  private readonly card = byId('map-card', HTMLDivElement);
  private readonly cardImage = byId('map-card-image', HTMLCanvasElement);
  private readonly cardLabel = byId('map-card-label', HTMLParagraphElement);
  private readonly queryButton = byId('map-query', HTMLButtonElement);
  private view: View = wholeMap;
  private query: Query | undefined;
  private looked: number | undefined;
  /** The gallery as last drawn, so that pointing at thousands of images is smooth. */
  private readonly gallery = document.createElement('canvas');
  private isStale = true;
  private drawnSize = '';
  private tile = 0;
  private frame = 0;
  private animation = 0;

  constructor(private readonly options: MapOptions) {
    watchGestures(this.canvas, {
      onPan: (dx, dy) => this.show(pan(this.view, this.screen, dx, dy)),
      onZoom: (at, factor) => this.show(zoomAt(this.view, this.screen, at, factor)),
      onPoint: (at) => this.look(at && this.imageAt(at)),
      onTap: (at, byMouse) => this.tap(this.imageAt(at), byMouse),
    });
    this.canvas.addEventListener('keydown', (event) => this.key(event));
    this.canvas.addEventListener('blur', () => this.look(undefined));
    const buttons: Record<string, () => void> = {
      'map-in': () => this.zoom(2),
      'map-out': () => this.zoom(0.5),
      'map-all': () => this.glide(wholeMap),
      'map-query': () => this.showQuery(),
    };
    for (const [id, run] of Object.entries(buttons)) byId(id, HTMLButtonElement).addEventListener('click', run);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  setQuery(query: Query): void {
    this.query = query;
    this.queryButton.disabled = false;
    this.drawOver();
  }

  /** Points an image out; undefined for none. */
  look(index: number | undefined): void {
    if (index === this.looked) return;
    this.looked = index;
    this.card.hidden = index === undefined;
    this.canvas.style.cursor = index === undefined ? 'grab' : 'pointer';
    if (index !== undefined) {
      this.cardLabel.textContent = this.options.labelOf(index);
      this.cardImage.getContext('2d')!.clearRect(0, 0, this.cardImage.width, this.cardImage.height);
      void this.options.sprites.paint(this.cardImage, index);
    }
    this.drawOver();
  }

  /** Draws all of it before the browser paints next. */
  draw(): void {
    this.isStale = true;
    this.drawOver();
  }

  /** Draws what lies over the gallery. */
  private drawOver(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.drawNow());
  }

  private get screen() {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  private imageAt(at: Point): number | undefined {
    const { view, screen } = this;
    const [origin, unit] = [toScreen(view, screen, { x: 0, y: 0 }), toScreen(view, screen, { x: 1, y: 1 })];
    const scale = { x: unit.x - origin.x, y: unit.y - origin.y };
    return imageAt(this.options.positions, toMap(view, screen, at), scale, REACH);
  }

  /** A finger's first tap shows an image, a second searches with it; a mouse has pointed already. */
  private tap(index: number | undefined, byMouse: boolean): void {
    if (index !== undefined && (byMouse || index === this.looked)) this.options.onPick(index);
    else this.look(index);
  }

  private key(event: KeyboardEvent): void {
    const keys: Record<string, () => void> = {
      '+': () => this.zoom(1.5),
      '=': () => this.zoom(1.5),
      '-': () => this.zoom(1 / 1.5),
      '0': () => this.glide(wholeMap),
      Home: () => this.showQuery(),
      Escape: () => this.look(undefined),
      Enter: () => this.looked !== undefined && this.options.onPick(this.looked),
    };
    const direction = directions[event.key];
    const run = direction ? () => this.step(direction) : keys[event.key];
    if (!run || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    run();
  }

  /** Looks at the next image in a direction, and brings it into view. */
  private step(direction: Point): void {
    const { positions, labelOf } = this.options;
    const { width, height } = this.screen;
    const first = () => imageAt(positions, this.view, { x: 1, y: 1 }, Infinity);
    const next = this.looked === undefined ? first() : imageBeside(positions, this.looked, direction);
    if (next === undefined) return;
    this.look(next);
    announce(labelOf(next));
    const { x, y } = toScreen(this.view, this.screen, placeOf(positions, next));
    const outside = (value: number, size: number) => Math.min(0, value - 40) + Math.max(0, value - size + 40);
    this.show(pan(this.view, this.screen, -outside(x, width), -outside(y, height)));
  }

  private zoom(factor: number): void {
    const { width, height } = this.screen;
    const at =
      this.looked === undefined
        ? { x: width / 2, y: height / 2 }
        : toScreen(this.view, this.screen, placeOf(this.options.positions, this.looked));
    this.glide(zoomAt(this.view, this.screen, at, factor));
  }

  private showQuery(): void {
    if (!this.query) return;
    const near = this.query.nearest.slice(0, 6).map((index) => placeOf(this.options.positions, index));
    this.glide(framing([this.query.place, ...near]));
  }

  private show(view: View): void {
    cancelAnimationFrame(this.animation);
    this.view = view;
    // A finger scrolls the page over the whole map, and moves the map once it is enlarged.
    this.canvas.style.touchAction = view.zoom > 1 ? 'none' : 'pan-y';
    this.draw();
  }

  private glide(to: View): void {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return this.show(to);
    const from = this.view;
    const begun = performance.now();
    const next = (now: number) => {
      const share = Math.min(1, Math.max(0, (now - begun) / ANIMATION_MS));
      this.show(between(from, to, 1 - (1 - share) ** 3));
      if (share < 1) this.animation = requestAnimationFrame(next);
    };
    cancelAnimationFrame(this.animation);
    this.animation = requestAnimationFrame(next);
  }

  private drawNow(): void {
    const { screen } = this;
    if (screen.width === 0) return;
    const { positions, sprites } = this.options;
    const { view, query, looked } = this;
    const scene = { view, screen, positions, sprite: (index: number) => sprites.peek(index), query, looked };
    const colors = this.colors();
    const size = `${screen.width}x${screen.height}@${devicePixelRatio}`;
    if (this.isStale || this.drawnSize !== size) {
      this.tile = drawGallery(sized(this.gallery, screen), scene, colors);
      [this.isStale, this.drawnSize] = [false, size];
    }
    const context = sized(this.canvas, screen);
    context.clearRect(0, 0, screen.width, screen.height);
    context.drawImage(this.gallery, 0, 0, screen.width, screen.height);
    drawOver(context, scene, colors, this.tile);
    this.placeCard();
  }

  private colors(): Colors {
    const style = getComputedStyle(this.canvas);
    const color = (name: string) => style.getPropertyValue(`--${name}`);
    return { point: color('point'), accent: color('accent'), surface: color('surface') };
  }

  /** Beside the image, on the side where there is room. */
  private placeCard(): void {
    if (this.looked === undefined) return;
    const { width, height } = this.screen;
    const { x, y } = toScreen(this.view, this.screen, placeOf(this.options.positions, this.looked));
    const { offsetWidth: w, offsetHeight: h } = this.card;
    const left = x + 32 + w <= width ? x + 32 : x - 32 - w;
    const top = Math.min(height - h - 8, Math.max(8, y - h / 2));
    this.card.style.transform = `translate(${Math.round(Math.max(8, left))}px, ${Math.round(top)}px)`;
  }
}
