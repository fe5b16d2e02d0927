/** How far the download of the model is. */
import type { Progress } from 'dws/web';
import { byId } from './dom.js';
import { megabytes } from './format.js';

const box = byId('loading', HTMLDivElement);
const text = byId('loading-text', HTMLParagraphElement);
const bar = byId('loading-bar', HTMLProgressElement);

const files = new Map<string, Progress>();

function say(words: string, done?: number): void {
  box.hidden = false;
  text.textContent = words;
  if (done === undefined) bar.removeAttribute('value');
  else bar.value = done;
}

export const loading = {
  begin(): void {
    files.clear();
    say('Loading the model');
  },

  progress(progress: Progress): void {
    files.set(progress.file, progress);
    const all = [...files.values()];
    const loaded = all.reduce((sum, file) => sum + file.loaded, 0);
    const total = all.reduce((sum, file) => sum + (file.total ?? NaN), 0);
    if (Number.isNaN(total)) say(`Loading the model: ${megabytes(loaded)}`);
    else if (loaded < total) say(`Loading the model: ${megabytes(loaded)} of ${megabytes(total)}`, loaded / total);
    else say('Preparing the model');
  },

  /** Between an image and its result. */
  busy(): void {
    say('Searching');
  },

  end(): void {
    box.hidden = true;
  },
};
