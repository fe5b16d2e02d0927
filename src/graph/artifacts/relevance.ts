/** Which of a query's nearest neighbors are of its class, as a graph: one byte a neighbor, where `retrieval` gives places and distances. */
import { GraphBuilder } from '../builder/builder.js';
import { encodeModel } from '../onnx/schema.js';
import type { RetrievalOptions } from './retrieval.js';
import { excluded, orderOf } from './retrieval.js';

/**
 * Inputs as those of `retrieval`, and `query_labels` int32 [queries, 1], `gallery_labels` int32 [gallery]. Output: `hits` uint8
 * [queries, k], closest first, 1 where a neighbor has the query's label. A query itself is no neighbor: where it is part of the
 * gallery and k is all of it, the last hit is 0.
 */
export function buildRelevanceModel({ dim, k }: RetrievalOptions): Uint8Array {
  const g = new GraphBuilder();
  const { others } = orderOf(g, dim);
  const queryLabels = g.input('query_labels', 'int32', ['queries', 1]);
  const galleryLabels = g.input('gallery_labels', 'int32', ['gallery']);
  const [closest, indices] = g.ops('TopK', [others, g.ints([k])], { axis: 1, largest: 0, sorted: 1 }, 2);
  const isSame = g.op('Equal', [g.op('Gather', [galleryLabels, indices!], { axis: 0 }), queryLabels]);
  const isOther = g.op('Less', [closest!, g.scalar(excluded, 'float64')]);
  g.output('hits', g.op('Cast', [g.op('And', [isSame, isOther])], { to: 'uint8' }));
  return encodeModel(g.model('relevance'));
}
