/**
 * Image embeddings by distance-weighted sampling and margin loss: ONNX graphs (`dws/graph`) and what runs them (`dws/runner`).
 *
 * @packageDocumentation
 */
export * from './graph/index.js';
export * from './runner/index.js';
