/** Mouse and fingers on the map: drag to pan, pinch or wheel to zoom, point, tap. */
import type { Point } from './view.js';

export interface Gestures {
  onPan(dx: number, dy: number): void;
  onZoom(at: Point, factor: number): void;
  onPoint(at: Point | undefined): void;
  /** @param byMouse false for a finger, which could not point before */
  onTap(at: Point, byMouse: boolean): void;
}

/** Pixels within which a press that moves is still a tap. */
const SLACK = 5;

export function watchGestures(canvas: HTMLCanvasElement, { onPan, onZoom, onPoint, onTap }: Gestures): void {
  const pressed = new Map<number, Point>();
  let travelled = 0;
  const place = ({ offsetX: x, offsetY: y }: MouseEvent): Point => ({ x, y });
  const gap = (a: Point, b: Point) => Math.hypot(a.x - b.x, a.y - b.y);

  function pinch(id: number, to: Point): void {
    const from = pressed.get(id)!;
    const [, other] = [...pressed].find(([key]) => key !== id)!;
    const middle = { x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 };
    onPan((to.x - from.x) / 2, (to.y - from.y) / 2);
    onZoom(middle, gap(to, other) / Math.max(1, gap(from, other)));
  }

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pressed.set(event.pointerId, place(event));
    if (pressed.size === 1) travelled = 0;
  });
  canvas.addEventListener('pointermove', (event) => {
    const to = place(event);
    const from = pressed.get(event.pointerId);
    if (!from) {
      if (event.pointerType === 'mouse') onPoint(to);
      return;
    }
    travelled += gap(from, to);
    if (pressed.size === 2) pinch(event.pointerId, to);
    else if (travelled > SLACK) onPan(to.x - from.x, to.y - from.y);
    pressed.set(event.pointerId, to);
  });
  canvas.addEventListener('pointerup', (event) => {
    const isTap = pressed.has(event.pointerId) && pressed.size === 1 && travelled <= SLACK;
    pressed.delete(event.pointerId);
    if (isTap) onTap(place(event), event.pointerType === 'mouse');
  });
  // The browser took the finger to scroll.
  canvas.addEventListener('pointercancel', (event) => pressed.delete(event.pointerId));
  canvas.addEventListener('pointerleave', () => onPoint(undefined));
  canvas.addEventListener(
    'wheel',
    (event) => {
      // Without a key or the focus, the wheel goes on scrolling the page.
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;
      event.preventDefault();
      onZoom(place(event), Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) * (event.ctrlKey ? 0.01 : 0.003)));
    },
    { passive: false },
  );
}
