/** Nearest neighbors as a graph: the squared distances of some queries to all of a gallery, and the closest k. */
import { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { encodeModel } from '../onnx/schema.js';

export interface RetrievalOptions {
  /** Dimension of the embeddings. */
  dim: number;
  /** Neighbors of each query, at most the gallery's size. */
  k: number;
}

/** Greater than any distance of finite embeddings that anyone measures. */
export const excluded = 3e38;

/**
 * What orders the gallery by its distance to each query: |g|^2 - 2 q.g, and `excluded` for the query itself; [queries, gallery].
 * |q - g|^2 = |q|^2 + (|g|^2 - 2 q.g): the term in parentheses is one Gemm, the only thing of that size besides the mask. In float64:
 * in float32, it is off by 6e-8 of |g|^2, more than rows are apart that lie close together; and CUDA may round float32 to 11 bits.
 */
export function orderOf(g: GraphBuilder, dim: number): { others: Value; queries: Value } {
  const queries = g.input('queries', 'float64', ['queries', dim]);
  const queryIds = g.input('query_ids', 'int32', ['queries', 1]);
  const gallery = g.input('gallery', 'float64', ['gallery', dim]);
  const galleryIds = g.input('gallery_ids', 'int32', [1, 'gallery']);
  const norms = g.op('Transpose', [squaredNorm(g, gallery)], { perm: [1, 0] });
  const order = g.op('Gemm', [queries, gallery, norms], { alpha: -2, transB: 1 });
  const others = g.op('Where', [g.op('Equal', [queryIds, galleryIds]), g.scalar(excluded, 'float64'), order]);
  return { others, queries };
}

const squaredNorm = (g: GraphBuilder, x: Value): Value => g.op('ReduceSumSquare', [x, g.ints([1])], { keepdims: 1 });

/**
 * Inputs: `queries` float64 [queries, dim], `query_ids` int32 [queries, 1], `gallery` float64 [gallery, dim], `gallery_ids` int32
 * [1, gallery]. Outputs, closest first: `distances` float32 [queries, k] (squared, at least 0) and `indices` int32 [queries, k]
 * into the gallery. A row of the gallery is no neighbor of a query with the same id, so that an image does not find
 * itself. Of equal distances the lower index comes first (TopK's rule).
 */
export function buildRetrievalModel({ dim, k }: RetrievalOptions): Uint8Array {
  const g = new GraphBuilder();
  const { others, queries } = orderOf(g, dim);
  const [closest, indices] = g.ops('TopK', [others, g.ints([k])], { axis: 1, largest: 0, sorted: 1 }, 2);
  const squared = g.op('Add', [closest!, squaredNorm(g, queries)]);
  g.output('distances', g.op('Cast', [g.op('Max', [squared, g.scalar(0, 'float64')])], { to: 'float32' }));
  g.output('indices', g.op('Cast', [indices!], { to: 'int32' }));
  return encodeModel(g.model('retrieval'));
}
