/** The arithmetic of the page's map. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageAt, imageBeside, placeAmong } from '../../examples/web/src/map/places.js';
import { framing, pan, toMap, toScreen, wholeMap, zoomAt } from '../../examples/web/src/map/view.js';

const unit = fc.double({ min: 0, max: 1, noNaN: true });
const screen = { width: 800, height: 500 };
const anyPoint = fc.record({ x: unit, y: unit });
const anyView = fc
  .record({ at: anyPoint, factor: fc.double({ min: 1, max: 64, noNaN: true }) })
  .map(({ at, factor }) => zoomAt(wholeMap, screen, { x: at.x * 800, y: at.y * 500 }, factor));

describe('view', () => {
  it('the whole map fits on the screen', () => {
    for (const corner of [
      { x: 0, y: 0 },
      { x: 1, y: 1 },
    ]) {
      const { x, y } = toScreen(wholeMap, screen, corner);
      expect(x >= 0 && x <= 800 && y >= 0 && y <= 500).toBe(true);
    }
  });

  it('screen and map are inverse to each other', () => {
    fc.assert(
      fc.property(anyView, anyPoint, (view, point) => {
        const back = toMap(view, screen, toScreen(view, screen, point));
        expect(back.x).toBeCloseTo(point.x, 9);
        expect(back.y).toBeCloseTo(point.y, 9);
      }),
    );
  });

  it('what is under the pointer stays there while zooming in', () => {
    fc.assert(
      fc.property(anyPoint, fc.double({ min: 1, max: 8, noNaN: true }), ({ x, y }, factor) => {
        // Nearer to the border than the margin there is no map.
        const at = { x: 40 + x * 720, y: 40 + y * 420 };
        const before = toMap(wholeMap, screen, at);
        const after = toScreen(zoomAt(wholeMap, screen, at, factor), screen, before);
        expect(Math.hypot(after.x - at.x, after.y - at.y)).toBeLessThan(1e-6);
      }),
    );
  });

  it('no gesture leaves the map', () => {
    const anyMove = fc.record({ dx: fc.integer({ min: -9999, max: 9999 }), dy: fc.integer({ min: -9999, max: 9999 }) });
    fc.assert(
      fc.property(anyView, anyMove, (view, { dx, dy }) => {
        const { x, y, zoom } = pan(view, screen, dx, dy);
        const half = 0.5 / zoom;
        expect(Math.min(x, y)).toBeGreaterThanOrEqual(half - 1e-12);
        expect(Math.max(x, y)).toBeLessThanOrEqual(1 - half + 1e-12);
      }),
    );
  });

  it('a framing shows all of its points', () => {
    fc.assert(
      fc.property(fc.array(anyPoint, { minLength: 1, maxLength: 13 }), (points) => {
        const view = framing(points);
        for (const point of points) {
          const { x, y } = toScreen(view, screen, point);
          expect(x >= -1e-6 && x <= 800 + 1e-6 && y >= -1e-6 && y <= 500 + 1e-6).toBe(true);
        }
      }),
    );
  });
});

describe('places', () => {
  const square = new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]);

  it('an image lies nearer to what it is more alike to', () => {
    const place = placeAmong(square, [
      { index: 0, distance: 0.1 },
      { index: 1, distance: 0.3 },
    ]);
    expect(place.x).toBeCloseTo(0.25, 9);
    expect(place.y).toBe(0);
  });

  it('an image of the gallery lies on itself', () => {
    const place = placeAmong(square, [
      { index: 3, distance: 0 },
      { index: 0, distance: 0.5 },
    ]);
    expect(Math.hypot(place.x - 1, place.y - 1)).toBeLessThan(1e-4);
  });

  it('the pointer finds the nearest image within reach', () => {
    const scale = { x: 800, y: 500 };
    expect(imageAt(square, { x: 0.98, y: 0.02 }, scale, 24)).toBe(1);
    expect(imageAt(square, { x: 0.5, y: 0.5 }, scale, 24)).toBeUndefined();
  });

  it('arrow keys go to the nearest image in their direction', () => {
    expect(imageBeside(square, 0, { x: 1, y: 0 })).toBe(1);
    expect(imageBeside(square, 0, { x: 0, y: 1 })).toBe(2);
    expect(imageBeside(square, 0, { x: -1, y: 0 })).toBeUndefined();
    expect(imageBeside(square, 3, { x: 0, y: -1 })).toBe(1);
  });
});
