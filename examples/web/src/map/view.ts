/** Which part of the map is seen. Positions on the map are in [0, 1], y downwards; the screen is in CSS pixels. */

export interface View {
  /** 1 shows the whole map. */
  zoom: number;
  /** Position in the middle of the screen. */
  x: number;
  y: number;
}

export interface Screen {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export const wholeMap: View = { zoom: 1, x: 0.5, y: 0.5 };

const MAX_ZOOM = 64;
/** Kept free around the whole map, so that images at its border are seen whole, with their frames. */
const MARGIN = 34;

const scales = (view: View, screen: Screen): Point => ({
  x: view.zoom * Math.max(1, screen.width - 2 * MARGIN),
  y: view.zoom * Math.max(1, screen.height - 2 * MARGIN),
});

export function toScreen(view: View, screen: Screen, { x, y }: Point): Point {
  const scale = scales(view, screen);
  return { x: (x - view.x) * scale.x + screen.width / 2, y: (y - view.y) * scale.y + screen.height / 2 };
}

export function toMap(view: View, screen: Screen, { x, y }: Point): Point {
  const scale = scales(view, screen);
  return { x: (x - screen.width / 2) / scale.x + view.x, y: (y - screen.height / 2) / scale.y + view.y };
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** The nearest view that has something to show. */
function within({ zoom, x, y }: View): View {
  const half = 0.5 / zoom;
  return { zoom, x: clamp(x, half, 1 - half), y: clamp(y, half, 1 - half) };
}

/** Moves the map by pixels, as a finger does. */
export function pan(view: View, screen: Screen, dx: number, dy: number): View {
  const scale = scales(view, screen);
  return within({ ...view, x: view.x - dx / scale.x, y: view.y - dy / scale.y });
}

/** Zooms such that what is at `at` on the screen stays there. */
export function zoomAt(view: View, screen: Screen, at: Point, factor: number): View {
  const zoom = clamp(view.zoom * factor, 1, MAX_ZOOM);
  const fixed = toMap(view, screen, at);
  const moved = toMap({ ...view, zoom }, screen, at);
  return within({ zoom, x: view.x + fixed.x - moved.x, y: view.y + fixed.y - moved.y });
}

/** The closest view that shows all of the points, with room around them. */
export function framing(points: readonly Point[]): View {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const extent = Math.max(right - left, bottom - top, 1e-6);
  return within({ zoom: clamp(0.8 / extent, 1, 16), x: (left + right) / 2, y: (top + bottom) / 2 });
}

/** What lies between two views; `share` of the way from the first. */
export function between(a: View, b: View, share: number): View {
  const mix = (from: number, to: number) => from + (to - from) * share;
  // Zoom is felt as a ratio.
  return { zoom: a.zoom * (b.zoom / a.zoom) ** share, x: mix(a.x, b.x), y: mix(a.y, b.y) };
}
