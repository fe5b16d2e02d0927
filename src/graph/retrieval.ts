/** Nearest neighbors as a graph: the squared distances of some queries to all of a gallery, and the closest k. */
import { GraphBuilder } from './builder.js';
import { encodeModel } from './onnx/schema.js';

export interface RetrievalOptions {
  /** Dimension of the embeddings. */
  dim: number;
  /** Neighbors of each query, at most the gallery's size. */
  k: number;
}

/** Greater than any distance of finite embeddings that anyone measures. */
const excluded = 3e38;

/**
 * Inputs: `queries` [queries, dim], `query_ids` int32 [queries, 1], `gallery` [gallery, dim], `gallery_ids` int32
 * [1, gallery]. Outputs, closest first: `distances` [queries, k] (squared, at least 0) and `indices` int32 [queries, k]
 * into the gallery. A row of the gallery is no neighbor of a query with the same id, so that an image does not find
 * itself. Of equal distances the lower index comes first (TopK's rule).
 *
 * |q - g|^2 = |q|^2 + (|g|^2 - 2 q.g): the term in parentheses orders a query's neighbors and is one Gemm, the only thing
 * of size queries x gallery besides the mask.
 */
export function buildRetrievalModel({ dim, k }: RetrievalOptions): Uint8Array {
  const g = new GraphBuilder();
  const queries = g.input('queries', 'float32', ['queries', dim]);
  const queryIds = g.input('query_ids', 'int32', ['queries', 1]);
  const gallery = g.input('gallery', 'float32', ['gallery', dim]);
  const galleryIds = g.input('gallery_ids', 'int32', [1, 'gallery']);

  const squaredNorm = (x: typeof queries) => g.op('ReduceSumSquare', [x, g.ints([1])], { keepdims: 1 });
  const norms = g.op('Transpose', [squaredNorm(gallery)], { perm: [1, 0] });
  const order = g.op('Gemm', [queries, gallery, norms], { alpha: -2, transB: 1 });
  const others = g.op('Where', [g.op('Equal', [queryIds, galleryIds]), g.scalar(excluded), order]);
  const [closest, indices] = g.ops('TopK', [others, g.ints([k])], { axis: 1, largest: 0, sorted: 1 }, 2);
  const squared = g.op('Add', [closest!, squaredNorm(queries)]);
  g.output('distances', g.op('Max', [squared, g.scalar(0)]));
  g.output('indices', g.op('Cast', [indices!], { to: 6 }));
  return encodeModel(g.model('retrieval'));
}
