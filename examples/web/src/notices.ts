/** Messages in the page: what went wrong or is different, and what can be done. */
import { byId, make } from './dom.js';

export interface Notice {
  kind: 'error' | 'info';
  title: string;
  text: string;
  action?: { label: string; run(): void };
}

const list = byId('notices', HTMLDivElement);
const shown = new Map<string, HTMLElement>();

export function clearNotice(place: string): void {
  shown.get(place)?.remove();
  shown.delete(place);
}

/** Shows a message, in place of the one that was shown for the same matter. */
export function showNotice(place: string, { kind, title, text, action }: Notice): void {
  clearNotice(place);
  const close = make('button', { class: 'close', text: '×' });
  close.type = 'button';
  close.setAttribute('aria-label', `Dismiss: ${title}`);
  close.addEventListener('click', () => clearNotice(place));
  const body = make('div', {}, make('p', { class: 'notice-title', text: title }), make('p', { text }));
  const notice = make('div', { class: `notice ${kind}` }, body);
  if (action) {
    const button = make('button', { class: 'button', text: action.label });
    button.type = 'button';
    button.addEventListener('click', () => {
      clearNotice(place);
      action.run();
    });
    body.append(button);
  }
  notice.append(close);
  notice.setAttribute('role', kind === 'error' ? 'alert' : 'status');
  notice.dataset['about'] = place;
  shown.set(place, notice);
  list.append(notice);
}
