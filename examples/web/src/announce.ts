/** Tells screen readers what others see happen. */
import { byId } from './dom.js';

const live = byId('live', HTMLParagraphElement);

export function announce(text: string): void {
  // The same text twice is read twice only if it goes away in between.
  live.textContent = '';
  requestAnimationFrame(() => (live.textContent = text));
}
