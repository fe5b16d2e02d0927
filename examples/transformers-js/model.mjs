// Loads the model at /model/ in a page, with nothing from another server.
import { env, pipeline } from '/node_modules/@huggingface/transformers/dist/transformers.min.js';

// The folder lies on this server, not on a hub; the browser's cache would outlive a new export.
env.allowLocalModels = true;
env.allowRemoteModels = false;
env.useBrowserCache = false;

const runtime = new URL('/node_modules/onnxruntime-web/dist/', globalThis.location.origin).href;
env.backends.onnx.wasm.wasmPaths = {
  mjs: `${runtime}ort-wasm-simd-threaded.asyncify.mjs`,
  wasm: `${runtime}ort-wasm-simd-threaded.asyncify.wasm`,
};

/** @param options those of `pipeline`, such as `{ device: 'webgpu' }` or `{ dtype: 'fp16' }` */
export const loadModel = (options = {}) => pipeline('image-feature-extraction', '/model/', options);
