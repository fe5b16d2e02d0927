/** The map of embeddings: points by uPlot, the image of the one that the pointer or the keyboard is at. */
import uPlot from 'uplot';
import { imageAt, imageBeside } from '../../examples/web/src/map/places.js';
import type { Drawn } from './chart.js';
import type { MapData } from './data.js';
import { PointCard } from './map-card.js';
import type { Theme } from './theme.js';
import { currentTheme, pale } from './theme.js';

/** CSS pixels: of a point, of a picture in its place, and within which the pointer finds one. */
const [radius, pictureSize, reach] = [3.5, 26, 18];

const steps: Record<string, { x: number; y: number }> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: 1 },
  ArrowDown: { x: 0, y: -1 },
};

type Found = MapData['found'][number];

/** How a point is drawn: filled, or a ring, so that color is not all that tells them apart. */
const marks: { found: Found; color: (theme: Theme) => string; isFilled: boolean }[] = [
  { found: 1, color: ({ palette }) => palette[0]!, isFilled: true },
  { found: 0, color: ({ palette }) => palette[1]!, isFilled: false },
  { found: null, color: ({ soft }) => soft, isFilled: true },
];

const loadSheet = async (url: string): Promise<HTMLImageElement> => {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
};

class EmbeddingMap implements Drawn {
  private plot: uPlot | undefined;
  private theme = currentTheme();
  private current: number | undefined;
  private readonly positions: Float32Array;
  private readonly card: PointCard;
  private sheets: HTMLImageElement[] = [];

  constructor(
    private readonly place: HTMLElement,
    private readonly data: MapData,
    private readonly asPictures: HTMLInputElement,
  ) {
    this.positions = Float32Array.from(data.x.flatMap((x, i) => [x, data.y[i]!]));
    this.card = new PointCard(place, data);
    this.redraw();
    new ResizeObserver(() => {
      if (this.plot && this.plot.width !== this.size().width) this.plot.setSize(this.size());
    }).observe(place);
    place.addEventListener('keydown', (event) => this.onKey(event));
    place.addEventListener('focus', () => this.show(this.current ?? 0));
    place.addEventListener('blur', () => this.show(undefined));
    asPictures.addEventListener('change', () => void this.showPictures());
  }

  redraw(): void {
    this.theme = currentTheme();
    this.plot?.destroy();
    this.plot = new uPlot(
      this.options(),
      [null, [this.data.x, this.data.y]] as unknown as uPlot.AlignedData,
      this.place,
    );
    this.plot.over.addEventListener('mousemove', () => this.onPointer());
    this.plot.over.addEventListener('mouseleave', () => this.show(undefined));
  }

  private size() {
    const width = Math.max(240, this.place.clientWidth);
    return { width, height: Math.round(Math.min(620, Math.max(360, 0.62 * width))) };
  }

  private options(): uPlot.Options {
    // What was zoomed to, or everything.
    const range: uPlot.Range.Function = (_, low, high) => [low, high];
    const points: uPlot.Series = {
      facets: [
        { scale: 'x', auto: true },
        { scale: 'y', auto: true },
      ],
      paths: (plot) => this.drawPoints(plot),
    };
    return {
      ...this.size(),
      mode: 2,
      padding: [12, 12, 12, 12],
      scales: { x: { time: false, range }, y: { range } },
      axes: [{ show: false }, { show: false }],
      legend: { show: false },
      cursor: {
        x: false,
        y: false,
        points: { show: false },
        drag: { x: true, y: true, uni: 20 },
        dataIdx: () => null!,
      },
      series: [{}, points],
    } as uPlot.Options;
  }

  private at(plot: uPlot, index: number, isCanvas: boolean) {
    return {
      x: plot.valToPos(this.data.x[index]!, 'x', isCanvas),
      y: plot.valToPos(this.data.y[index]!, 'y', isCanvas),
    };
  }

  private drawPoints(plot: uPlot): null {
    const { ctx } = plot;
    const ratio = devicePixelRatio;
    const chosen = this.current === undefined ? undefined : this.data.labels[this.current];
    ctx.save();
    ctx.beginPath();
    ctx.rect(
      plot.bbox.left - 9 * ratio,
      plot.bbox.top - 9 * ratio,
      plot.bbox.width + 18 * ratio,
      plot.bbox.height + 18 * ratio,
    );
    ctx.clip();
    const all = [...this.data.labels.keys()];
    const isChosen = (index: number) => this.data.labels[index] === chosen;
    const order = chosen === undefined ? all : [...all.filter((i) => !isChosen(i)), ...all.filter(isChosen)];
    for (const index of order) {
      const { x, y } = this.at(plot, index, true);
      ctx.globalAlpha = chosen === undefined || isChosen(index) ? 1 : 0.25;
      if (this.sheets.length > 0) this.drawPicture(ctx, index, x, y, ratio);
      else this.drawPoint(ctx, index, x, y, ratio * (chosen !== undefined && isChosen(index) ? 1.7 : 1));
    }
    ctx.restore();
    return null;
  }

  private drawPoint(ctx: CanvasRenderingContext2D, index: number, x: number, y: number, scale: number): void {
    const { color, isFilled } = marks.find(({ found }) => found === this.data.found[index])!;
    ctx.beginPath();
    ctx.arc(x, y, radius * scale, 0, 2 * Math.PI);
    ctx.strokeStyle = color(this.theme);
    ctx.lineWidth = 1.5 * scale;
    ctx.fillStyle = isFilled ? pale(color(this.theme), 0.75) : this.theme.surface;
    ctx.fill();
    if (!isFilled) ctx.stroke();
  }

  private drawPicture(ctx: CanvasRenderingContext2D, index: number, x: number, y: number, ratio: number): void {
    const { size, columns, rows } = this.data.thumbs;
    const sheet = this.sheets[Math.floor(index / (columns * rows))]!;
    const place = index % (columns * rows);
    const side = pictureSize * ratio;
    const from = [(place % columns) * size, Math.floor(place / columns) * size] as const;
    ctx.drawImage(sheet, ...from, size, size, x - side / 2, y - side / 2, side, side);
  }

  private async showPictures(): Promise<void> {
    this.sheets = this.asPictures.checked ? await Promise.all(this.data.thumbs.sheets.map(loadSheet)) : [];
    this.plot!.redraw(false);
  }

  private onPointer(): void {
    const plot = this.plot!;
    const { left = -1, top = -1 } = plot.cursor;
    if (left < 0) return;
    const inView = Float32Array.from(this.data.x.flatMap((_, i) => Object.values(this.at(plot, i, false))));
    this.show(imageAt(inView, { x: left, y: top }, { x: 1, y: 1 }, reach));
  }

  private onKey(event: KeyboardEvent): void {
    const step = steps[event.key];
    if (event.key === 'Escape') this.show(undefined);
    if (!step) return;
    event.preventDefault();
    this.show(this.current === undefined ? 0 : (imageBeside(this.positions, this.current, step) ?? this.current));
  }

  /** Shows a point's image, and which others are of its class. */
  private show(index: number | undefined): void {
    if (index === this.current) return;
    this.current = index;
    const plot = this.plot!;
    plot.redraw(false);
    if (index === undefined) return this.card.hide();
    const { x, y } = this.at(plot, index, false);
    this.card.show(index, x + plot.over.offsetLeft, y + plot.over.offsetTop);
  }
}

export const drawMap = (place: HTMLElement, data: MapData): Drawn =>
  new EmbeddingMap(place, data, document.getElementById('map-pictures') as HTMLInputElement);
