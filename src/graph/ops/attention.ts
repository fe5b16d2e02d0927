/** Scaled dot-product attention of several heads. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { countUp } from '../operators/broadcasting.js';

export interface AttentionSettings {
  /** Of queries [N, L, heads width]; those of [N, heads, L, width] have their own axis. */
  q_num_heads?: number;
  /** Of keys and values; the queries' are a multiple of them. */
  kv_num_heads?: number;
  /** What scores are multiplied with: 1 / sqrt(width) unless given. */
  scale?: number;
  /** Whether a query sees no key behind it. */
  is_causal?: number;
}

/** [N, L, heads width] -> [N, heads, L, width]; others as they are. */
function byHead(g: GraphBuilder, x: Value, heads: number | undefined, what: string): Value {
  const shape = fixed(x.shape);
  if (shape.length === 4) return x;
  const [batch, length, width] = shape as [number, number, number];
  if (shape.length !== 3 || !heads || width % heads)
    throw new Error(`Attention at ${g.path}: ${what} [${shape.join(', ')}] make no ${heads ?? '?'} heads`);
  const apart = g.op('Reshape', [x, g.ints([batch, length, heads, width / heads])]);
  return g.op('Transpose', [apart], { perm: [0, 2, 1, 3] });
}

/** Each head so many times in a row. */
function repeated(g: GraphBuilder, x: Value, times: number): Value {
  if (times === 1) return x;
  const [batch, heads, length, width] = fixed(x.shape) as [number, number, number, number];
  const apart = g.op('Reshape', [x, g.ints([batch, heads, 1, length, width])]);
  const many = g.op('Expand', [apart, g.ints([batch, heads, times, length, width])]);
  return g.op('Reshape', [many, g.ints([batch, heads * times, length, width])]);
}

/**
 * softmax(q k^T scale + mask) v, head by head. A query that sees no key sees all of them equally.
 *
 * @param q [N, heads, L, width] or [N, L, heads width], float32 or float16; `k` and `v` likewise, of their own length
 * @param mask true where a key is seen, or numbers that are added to scores; broadcast to [N, heads, L, length of k]
 * @returns as `q`, with the width of `v`
 * @source ONNX Attention (opset 23), without past keys and softcap
 * @throws Error for heads that do not fit
 */
export function attention(
  g: GraphBuilder,
  [q, k, v]: readonly [Value, Value, Value],
  mask: Value | null,
  { q_num_heads, kv_num_heads, scale, is_causal = 0 }: AttentionSettings = {},
): Value {
  const queries = byHead(g, q, q_num_heads, 'queries');
  const [keys, values] = [byHead(g, k, kv_num_heads, 'keys'), byHead(g, v, kv_num_heads, 'values')];
  const [batch, heads, length, width] = fixed(queries.shape) as [number, number, number, number];
  const times = heads / fixed(keys.shape)[1]!;
  if (!Number.isInteger(times))
    throw new Error(`Attention at ${g.path}: ${heads} heads are no multiple of ${fixed(keys.shape)[1]}`);
  const scaled = g.op('Mul', [queries, g.scalar(scale ?? 1 / Math.sqrt(width), q.dtype)]);
  const turned = g.op('Transpose', [repeated(g, keys, times)], { perm: [0, 1, 3, 2] });
  const scores = g.op('MatMul', [scaled, turned]);
  const unseen = g.scalar(q.dtype === 'float16' ? -65504 : -1e30, q.dtype);
  const seen = (scores: Value, mask: Value) => g.op('Where', [mask, scores, unseen]);
  const masked = !mask ? scores : mask.dtype === 'bool' ? seen(scores, mask) : g.op('Add', [scores, mask]);
  const places = fixed(keys.shape)[2]!;
  const isBefore = () => g.op('GreaterOrEqual', [countUp(g, [length, 1], 'int64'), countUp(g, [places], 'int64')]);
  const shares = g.op('Softmax', [is_causal ? seen(masked, isBefore()) : masked], { axis: -1 });
  const y = g.op('MatMul', [shares, repeated(g, values, times)]);
  if (q.shape.length === 4) return y;
  return g.op('Reshape', [g.op('Transpose', [y], { perm: [0, 2, 1, 3] }), g.ints([batch, length, -1])]);
}
