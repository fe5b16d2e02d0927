/** Ways to give an image: choose a file, drop one anywhere in the page, paste one. */
import { byId } from '../dom.js';

export interface Taken {
  onImage(image: Blob): void;
  /** Something came that holds no file. */
  onNothing(): void;
}

/** Lets a button open a file input. */
export function connectInput(button: HTMLElement, input: HTMLInputElement, onImage: (image: Blob) => void): void {
  button.addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    // So that the same file can be chosen again.
    input.value = '';
    if (file) onImage(file);
  });
}

function takeDrops({ onImage, onNothing }: Taken): void {
  const zone = byId('drop', HTMLDivElement);
  const show = (isOver: boolean) => zone.classList.toggle('over', isOver);
  addEventListener('dragover', (event) => {
    event.preventDefault();
    show(true);
  });
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) show(false);
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    show(false);
    // The boxes of the panel below take what falls into them.
    if (event.target instanceof Element && event.target.closest('#learn')) return;
    const file = event.dataTransfer?.files[0];
    if (file) onImage(file);
    else onNothing();
  });
}

function takePastes({ onImage, onNothing }: Taken): void {
  addEventListener('paste', (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === 'text') return;
    const file = event.clipboardData?.files[0];
    if (file) onImage(file);
    else onNothing();
  });
}

export function takeImages(taken: Taken): void {
  connectInput(byId('choose', HTMLButtonElement), byId('file', HTMLInputElement), taken.onImage);
  takeDrops(taken);
  takePastes(taken);
}
