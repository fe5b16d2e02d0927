/** Where the files beside the page are. */

/** The folder of the page: `dws.json`, `onnx/`, `gallery/` and `ort/` lie in it. */
export const folderUrl = new URL('./', document.baseURI).href;

export const galleryUrl = new URL('./gallery/', folderUrl).href;

/** ONNX Runtime's WebAssembly files. */
export const ortUrl = new URL('./ort/', folderUrl).href;
