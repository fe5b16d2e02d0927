/** What the model is, at the foot of the page. */
import type { Gallery, WebModelInfo } from 'dws/web';
import { byId, make } from './dom.js';
import { count, megabytes, percent } from './format.js';

/** What there is to say of the page in this browser, in words. */
export interface Notes {
  /** Why the model has no more threads. */
  threadLimit?: string;
  /** Whether the page starts without its server. */
  offline?: string;
}

export function showFacts(info: WebModelInfo, gallery: Gallery | undefined, { threadLimit, offline }: Notes): void {
  const recall = info.recall?.['1'];
  const whole = info.variants.find(({ name }) => name === 'fp32');
  const facts: Record<string, string | undefined> = {
    Model: info.model,
    'Image size': `${info.imageSize} px`,
    Embedding: `${info.embedDim} dimensions`,
    Download: whole && megabytes(whole.bytes),
    'Training steps': count(info.step),
    'Recall@1': recall === undefined ? undefined : percent(recall),
    Threads: threadLimit,
    Offline: offline,
    Gallery: gallery && `${count(gallery.info.count)} images`,
  };
  const list = byId('facts', HTMLDListElement);
  list.replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) =>
      value === undefined ? [] : [make('div', {}, make('dt', { text: name }), make('dd', { text: value }))],
    ),
  );
  list.hidden = false;
}
