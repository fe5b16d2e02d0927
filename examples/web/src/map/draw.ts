/** Draws the map: points from afar, images from close by, the person's image among its nearest. In CSS pixels. */
import type { Sprite } from '../sprites.js';
import { drawSprite } from '../sprites.js';
import { placeOf } from './places.js';
import type { Point, Screen, View } from './view.js';
import { toScreen } from './view.js';

export interface Query {
  image: ImageBitmap;
  place: Point;
  /** Indices of its nearest images, closest first. */
  nearest: readonly number[];
}

export interface Scene {
  view: View;
  screen: Screen;
  /** [n, 2]. */
  positions: Float32Array;
  sprite(index: number): Sprite | undefined;
  query?: Query;
  /** The image pointed at or with the focus. */
  looked?: number;
}

export interface Colors {
  point: string;
  accent: string;
  surface: string;
}

/** Images smaller than this say less than points. */
const MIN_TILE = 10;
const MAX_TILE = 56;

interface Seen {
  index: number;
  x: number;
  y: number;
}

function seenOf({ view, screen, positions }: Scene): Seen[] {
  const seen: Seen[] = [];
  for (let index = 0; 2 * index < positions.length; index++) {
    const { x, y } = toScreen(view, screen, placeOf(positions, index));
    const isSeen = x > -MAX_TILE && y > -MAX_TILE && x < screen.width + MAX_TILE && y < screen.height + MAX_TILE;
    if (isSeen) seen.push({ index, x, y });
  }
  return seen;
}

/** Width of an image when so many share the screen. */
const tileSize = ({ width, height }: Screen, count: number): number =>
  Math.min(MAX_TILE, 1.25 * Math.sqrt((width * height) / Math.max(1, count)));

function drawPoint(context: CanvasRenderingContext2D, { x, y }: Point, size: number): void {
  context.fillRect(x - size / 2, y - size / 2, size, size);
}

/** A square around a point. */
const around = ({ x, y }: Point, size: number) => ({ x: x - size / 2, y: y - size / 2, size });

/** An image in a rounded frame. */
function drawFramed(
  context: CanvasRenderingContext2D,
  { x, y }: Point,
  size: number,
  frame: { color: string; width: number; surface: string },
  draw: () => void,
): void {
  const outline = (grow: number) => {
    const side = size + 2 * grow;
    context.beginPath();
    context.roundRect(x - side / 2, y - side / 2, side, side, Math.min(8, size / 6) + grow);
  };
  outline(frame.width + 1.5);
  context.fillStyle = frame.surface;
  context.fill();
  outline(frame.width);
  context.fillStyle = frame.color;
  context.fill();
  context.save();
  outline(0);
  context.fillStyle = '#fff';
  context.fill();
  context.clip();
  draw();
  context.restore();
}

function drawQuery(context: CanvasRenderingContext2D, scene: Scene, query: Query, colors: Colors, tile: number): void {
  const { view, screen, positions } = scene;
  const at = toScreen(view, screen, query.place);
  const places = query.nearest.map((index) => toScreen(view, screen, placeOf(positions, index)));
  context.strokeStyle = colors.accent;
  context.lineWidth = 1;
  context.globalAlpha = 0.5;
  context.beginPath();
  for (const place of places) {
    context.moveTo(at.x, at.y);
    context.lineTo(place.x, place.y);
  }
  context.stroke();
  context.globalAlpha = 1;
  const size = Math.max(22, tile);
  // The closest on top.
  for (let i = places.length - 1; i >= 0; i--) {
    const sprite = scene.sprite(query.nearest[i]!);
    if (!sprite) continue;
    const place = places[i]!;
    drawFramed(context, place, size, { color: colors.accent, width: 1.5, surface: colors.surface }, () =>
      drawSprite(context, sprite, around(place, size)),
    );
  }
  const own = size + 22;
  drawFramed(context, at, own, { color: colors.accent, width: 3, surface: colors.surface }, () => {
    const { image } = query;
    const scale = Math.min(own / image.width, own / image.height);
    const [width, height] = [image.width * scale, image.height * scale];
    context.drawImage(image, at.x - width / 2, at.y - height / 2, width, height);
  });
}

/** The gallery alone. @returns the size of an image */
export function drawGallery(context: CanvasRenderingContext2D, scene: Scene, colors: Colors): number {
  const { screen } = scene;
  context.clearRect(0, 0, screen.width, screen.height);
  context.imageSmoothingQuality = 'high';
  const seen = seenOf(scene);
  const tile = tileSize(screen, seen.length);
  context.fillStyle = colors.point;
  for (const point of seen) {
    const sprite = tile >= MIN_TILE ? scene.sprite(point.index) : undefined;
    if (sprite) drawSprite(context, sprite, around(point, tile));
    else drawPoint(context, point, 2.5);
  }
  return tile;
}

/** The person's image with its nearest, and the image pointed at, over the gallery. */
export function drawOver(context: CanvasRenderingContext2D, scene: Scene, colors: Colors, tile: number): void {
  const { screen, view, positions, looked, query } = scene;
  context.imageSmoothingQuality = 'high';
  if (query) drawQuery(context, scene, query, colors, tile);
  if (looked === undefined) return;
  const at = toScreen(view, screen, placeOf(positions, looked));
  const sprite = scene.sprite(looked);
  const size = Math.max(36, Math.min(tile * 1.2, MAX_TILE));
  drawFramed(context, at, size, { color: colors.accent, width: 2.5, surface: colors.surface }, () => {
    if (sprite) drawSprite(context, sprite, around(at, size));
  });
}
