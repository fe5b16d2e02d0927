/** Where the files of the page are. */
import { chooseSource } from './offline/source.js';

/** The folder of the page on its server. */
export const pageUrl = new URL('./', document.baseURI).href;

export const source = await chooseSource(pageUrl);

/** `dws.json`, `onnx/` and `gallery/` lie in it. */
export const folderUrl = source.folder;

export const galleryUrl = new URL('./gallery/', folderUrl).href;

/** ONNX Runtime's WebAssembly files. */
export const ortUrl = new URL('./ort/', pageUrl).href;
