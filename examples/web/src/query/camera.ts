/** Photos: a phone's own camera, or a dialog with the picture of a desktop's. */
import { byId } from '../dom.js';
import { connectInput } from './pick.js';

const reasons: Record<string, string> = {
  NotAllowedError: 'The camera may not be used by this page. Allow it in the browser’s settings for this site.',
  NotFoundError: 'No camera was found.',
  NotReadableError: 'The camera is in use by another program.',
};

function frameOf(video: HTMLVideoElement): Promise<Blob | null> {
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d')!.drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}

function connectDialog(button: HTMLElement, onImage: (image: Blob) => void): void {
  const dialog = byId('camera', HTMLDialogElement);
  const video = byId('camera-video', HTMLVideoElement);
  const take = byId('camera-take', HTMLButtonElement);
  const problem = byId('camera-problem', HTMLParagraphElement);

  const stop = (stream: MediaStream | null) => stream?.getTracks().forEach((track) => track.stop());

  async function open(): Promise<void> {
    problem.hidden = true;
    take.disabled = true;
    dialog.showModal();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
      if (!dialog.open) return stop(stream);
      video.srcObject = stream;
      await video.play();
      take.disabled = false;
    } catch (error) {
      const { name, message } = error as DOMException;
      problem.textContent = reasons[name] ?? `The camera can’t be used: ${message}`;
      problem.hidden = false;
    }
  }

  button.addEventListener('click', () => void open());
  byId('camera-close', HTMLButtonElement).addEventListener('click', () => dialog.close());
  take.addEventListener('click', () => {
    void frameOf(video).then((image) => {
      dialog.close();
      if (image) onImage(image);
    });
  });
  dialog.addEventListener('close', () => {
    stop(video.srcObject as MediaStream | null);
    video.srcObject = null;
  });
}

/** Shows the button where there is a way to take a photo. */
export function takePhotos(onImage: (image: Blob) => void): void {
  const button = byId('photo', HTMLButtonElement);
  const isHandheld = matchMedia('(pointer: coarse)').matches;
  if (isHandheld) connectInput(button, byId('capture', HTMLInputElement), onImage);
  // Browsers offer cameras to https and localhost only.
  else if ('mediaDevices' in navigator) connectDialog(button, onImage);
  else return;
  button.hidden = false;
}
