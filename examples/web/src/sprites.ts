/** The gallery's small images, cut out of its sprite sheets. Each sheet is fetched when an image of it is first wanted. */
import type { Gallery } from 'dws/web';
import { DwsWebError } from 'dws/web';
import { galleryUrl } from './places.js';

/** Part of a sheet. */
export interface Sprite {
  sheet: ImageBitmap;
  /** The sheet at a quarter of its width and height, to draw many small images from. */
  quarter: ImageBitmap;
  x: number;
  y: number;
  /** Width and height, in pixels. */
  size: number;
}

type Sheet = Pick<Sprite, 'sheet' | 'quarter'>;

export class Sprites {
  private readonly sheets = new Map<string, Promise<Sheet>>();
  private readonly ready = new Map<string, Sheet>();

  /** @param onSheet told when one more sheet is there */
  constructor(
    private readonly gallery: Gallery,
    private readonly onSheet: () => void,
  ) {}

  /** @throws Error when the sheet can't be had */
  async get(index: number): Promise<Sprite> {
    const { sheet: name, x, y, size } = this.gallery.thumbnail(index);
    return { ...(await this.fetch(name)), x, y, size };
  }

  /** The image if its sheet is there; else undefined, and the sheet is on its way. */
  peek(index: number): Sprite | undefined {
    const { sheet: name, x, y, size } = this.gallery.thumbnail(index);
    const sheet = this.ready.get(name);
    if (sheet) return { ...sheet, x, y, size };
    this.fetch(name).catch(() => undefined);
    return undefined;
  }

  /** Fills a canvas with the image; it stays empty when the sheet can't be had. */
  async paint(canvas: HTMLCanvasElement, index: number): Promise<void> {
    canvas.dataset['index'] = String(index);
    const sprite = await this.get(index).catch(() => undefined);
    // Another image may have been asked for meanwhile.
    if (!sprite || canvas.dataset['index'] !== String(index)) return;
    const context = canvas.getContext('2d')!;
    context.imageSmoothingQuality = 'high';
    drawSprite(context, sprite, { x: 0, y: 0, size: canvas.width });
  }

  /** The image as a file, to search with. */
  async file(index: number): Promise<Blob> {
    const { sheet, x, y, size } = await this.get(index);
    const canvas = new OffscreenCanvas(size, size);
    canvas.getContext('2d')!.drawImage(sheet, x, y, size, size, 0, 0, size, size);
    return canvas.convertToBlob();
  }

  private fetch(name: string): Promise<Sheet> {
    const found = this.sheets.get(name);
    if (found) return found;
    const sheet = fetchSheet(name);
    this.sheets.set(name, sheet);
    sheet.then(
      (made) => {
        this.ready.set(name, made);
        this.onSheet();
      },
      // A later wish tries again.
      () => setTimeout(() => this.sheets.delete(name), 5000),
    );
    return sheet;
  }
}

async function fetchSheet(name: string): Promise<Sheet> {
  const response = await fetch(new URL(name, galleryUrl));
  if (!response.ok) throw new DwsWebError('network', `${name}: the server answers ${response.status}.`);
  const sheet = await createImageBitmap(await response.blob());
  const resizeWidth = Math.max(1, Math.round(sheet.width / 4));
  return { sheet, quarter: await createImageBitmap(sheet, { resizeWidth, resizeQuality: 'high' }) };
}

/** Draws an image as a square with its corner at (x, y). */
export function drawSprite(
  context: CanvasRenderingContext2D,
  sprite: Sprite,
  { x, y, size }: { x: number; y: number; size: number },
): void {
  const shrink = size * devicePixelRatio <= sprite.size / 4 ? sprite.quarter.width / sprite.sheet.width : 1;
  const from = shrink < 1 ? sprite.quarter : sprite.sheet;
  // Half a pixel less on each side: what lies beside it on the sheet stays out.
  const [left, top, side] = [sprite.x * shrink + 0.5, sprite.y * shrink + 0.5, sprite.size * shrink - 1];
  context.drawImage(from, left, top, side, side, x, y, size, size);
}
