/** The page: image -> worker -> nearest images, in the list and on the map. */
import type { Device, WebModelInfo } from 'dws/web';
import { DwsWebError, Gallery } from 'dws/web';
import { announce } from './announce.js';
import { byId } from './dom.js';
import { deviceNames, hasWebGpu } from './engine/devices.js';
import type { Engine } from './engine/engine.js';
import type { Embedded } from './engine/protocol.js';
import type { Started } from './engine/start.js';
import { start } from './engine/start.js';
import type { Notes } from './facts.js';
import { showFacts } from './facts.js';
import { count } from './format.js';
import { mountLearnPanel } from './learn/panel.js';
import { LearnedSearch } from './learn/search.js';
import { loading } from './loading.js';
import { GalleryMap } from './map/map.js';
import { placeAmong } from './map/places.js';
import { clearNotice, showNotice } from './notices.js';
import { keepForLater, watchForNewer } from './offline/offline.js';
import { folderUrl, galleryUrl } from './places.js';
import { isAborted, problemOf } from './problem.js';
import { takePhotos } from './query/camera.js';
import { takeImages } from './query/pick.js';
import { showPreview } from './query/preview.js';
import { withPixels } from './query/svg.js';
import type { Found, ResultHooks } from './results.js';
import { showNoGallery, showResults, showSuggestions } from './results.js';
import { Sprites } from './sprites.js';
import { showDevice, showTimes } from './timing.js';

/** Images shown of a search. */
const NEAREST = 12;

interface Searchable {
  gallery: Gallery;
  hooks: ResultHooks;
  map?: GalleryMap;
}

const choice = byId('device', HTMLSelectElement);

let engine: Engine | undefined;
let running: Promise<Started>;
const notes: Notes = {};
let searchable: Searchable | undefined;
const learned = new LearnedSearch(galleryUrl);
/** The image that is shown, and what the model made of it. */
let shown: { image: Blob; made: Embedded } | undefined;
/** The image that is shown or on its way. */
let wanted: Blob | undefined;
let turns = 0;

function report(place: string, error: unknown, again?: () => void): void {
  if (isAborted(error)) return;
  const action = again && { label: 'Try again', run: again };
  showNotice(place, { kind: 'error', ...problemOf(error), action });
}

/** Starts the model on a device; what ran before is ended. */
function run(device: Device): void {
  engine?.close();
  clearNotice('model');
  choice.value = device;
  loading.begin();
  const mine = start(device, { onProgress: loading.progress, onEngine: (made) => (engine = made) });
  running = mine;
  mine.then(onReady, (error: unknown) => {
    if (running !== mine) return;
    loading.end();
    report('model', error, () => {
      run(device);
      void openGallery();
      if (wanted) void search(wanted);
    });
  });
}

function tellFallback(error: unknown): void {
  const isMissing = error instanceof DwsWebError && error.code === 'no-webgpu';
  const text = isMissing ? 'No graphics processor was found that WebGPU can use.' : problemOf(error).text;
  showNotice('device', { kind: 'info', title: 'WebGPU can’t be used, so the model runs on WebAssembly', text });
}

function onReady({ fellBack, ...loaded }: Started): void {
  const { device, info } = loaded;
  notes.threadLimit = loaded.threadLimit;
  loading.end();
  choice.value = device;
  if (fellBack) tellFallback(fellBack);
  showDevice(loaded);
  showFacts(info, searchable?.gallery, notes);
  keepForLater(device, (told) => {
    notes.offline = told;
    showFacts(info, searchable?.gallery, notes);
  });
  announce(`The model is ready on ${deviceNames[device]}.`);
}

async function features(image: Blob): Promise<Embedded> {
  const { engine: ready, device } = await running;
  try {
    return await ready.features(image);
  } catch (error) {
    const isImage = error instanceof DwsWebError && ['not-an-image', 'too-large', 'aborted'].includes(error.code);
    if (isImage || device === 'wasm') throw error;
    // A graphics device may be lost at any time.
    run('wasm');
    tellFallback(error);
    return (await running).engine.features(image);
  }
}

async function search(given: Blob): Promise<void> {
  const turn = ++turns;
  wanted = given;
  clearNotice('query');
  try {
    await running;
    loading.busy();
    const image = await withPixels(given);
    const made = await features(image);
    if (turn !== turns) return;
    shown = { image, made };
    showPreview(image);
    await show(shown);
  } catch (error) {
    if (turn !== turns || isAborted(error)) return;
    // The model's own failure is told where it is started.
    const isModel = await running.then(
      () => false,
      () => true,
    );
    if (isModel) return;
    // What was found before stays.
    wanted = shown?.image;
    report('query', error);
  } finally {
    if (turn === turns) loading.end();
  }
}

/** Searches with an image's embedding. */
async function show({ image, made }: NonNullable<typeof shown>): Promise<void> {
  const { decode, embed } = made;
  if (!searchable) return showTimes({ decode, embed });
  const begun = performance.now();
  const found = learned.search(made, searchable.gallery, NEAREST);
  showTimes({ decode, embed, search: performance.now() - begun });
  showResults(found, searchable.hooks, learned.isOn);
  const nearest = found.slice(0, 3).map(({ label }) => label);
  announce(`${found.length} images found. Nearest: ${nearest.join(', ')}.`);
  await showOnMap(image, found);
}

async function showOnMap(image: Blob, found: readonly Found[]): Promise<void> {
  const { map, gallery } = searchable!;
  if (!map) return;
  const turn = turns;
  const small = await createImageBitmap(image, { resizeHeight: 128, resizeQuality: 'high' });
  if (turn !== turns) return;
  map.setQuery({
    image: small,
    place: placeAmong(gallery.positions!, found),
    nearest: found.map(({ index }) => index),
  });
}

/** The small JSON that says what the model is; undefined when it can't be had, which starting the model reports. */
async function fetchInfo(): Promise<WebModelInfo | undefined> {
  try {
    const response = await fetch(new URL('dws.json', folderUrl));
    return response.ok ? ((await response.json()) as WebModelInfo) : undefined;
  } catch {
    return undefined;
  }
}

function openMap(gallery: Gallery, sprites: Sprites, onPick: (index: number) => void): GalleryMap | undefined {
  if (!gallery.positions) return undefined;
  byId('map-section', HTMLElement).hidden = false;
  const { labels } = gallery.info;
  return new GalleryMap({ positions: gallery.positions, sprites, labelOf: (index) => labels[index]!, onPick });
}

function suggest({ gallery, hooks }: Searchable): void {
  const { count: total, labels } = gallery.info;
  const shown = Math.min(NEAREST, total);
  const images = Array.from({ length: shown }, (_, i) => Math.floor(((i + 0.5) * total) / shown));
  showSuggestions(
    images.map((index) => ({ index, label: labels[index]! })),
    hooks,
  );
}

async function openGallery(): Promise<void> {
  if (searchable) return;
  clearNotice('gallery');
  const info = await fetchInfo();
  if (!info) return;
  try {
    const gallery = await Gallery.load(galleryUrl, info);
    const sprites = new Sprites(gallery, () => searchable?.map?.draw());
    const onPick = (index: number) => {
      sprites.file(index).then(search, (error: unknown) => report('query', error));
    };
    const map = openMap(gallery, sprites, onPick);
    searchable = { gallery, map, hooks: { sprites, onPick, onLook: (index) => map?.look(index) } };
    showFacts(info, gallery, notes);
    byId('gallery-count', HTMLSpanElement).textContent = ` among ${count(gallery.info.count)}`;
    if (shown) await show(shown);
    else suggest(searchable);
  } catch (error) {
    showNoGallery();
    report('gallery', error, () => void openGallery());
  }
  openLearnPanel(info);
}

function openLearnPanel(info: WebModelInfo): void {
  const section = byId('learn-section', HTMLElement);
  if (!section.hidden) return;
  section.hidden = false;
  mountLearnPanel(byId('learn', HTMLDivElement), {
    features: async (image) => features(await withPixels(image)),
    searchWith: async (head) => {
      const before = learned.isOn;
      await learned.use(head, searchable?.gallery);
      if (shown && (before || learned.isOn)) await show(shown);
    },
    info,
    headUrl: new URL(info.head.weights, folderUrl).href,
  });
}

takeImages({
  onImage: (image) => void search(image),
  onNothing: () =>
    showNotice('query', { kind: 'error', title: 'There is no image in it', text: 'Drop or paste an image file.' }),
});
takePhotos((image) => void search(image));
choice.addEventListener('change', () => {
  clearNotice('device');
  run(choice.value as Device);
  if (wanted) void search(wanted);
});
if (!hasWebGpu) {
  showNotice('device', {
    kind: 'info',
    title: 'WebGPU is not available here',
    text: 'The model runs on WebAssembly, which every browser has and which takes a little longer.',
  });
}
run(hasWebGpu ? 'webgpu' : 'wasm');
void openGallery();
watchForNewer();
