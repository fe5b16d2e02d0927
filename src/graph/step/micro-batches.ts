/**
 * A batch that is embedded in pieces, with the loss of the whole of it (gradient caching, Gao et al., RepL4NLP 2021).
 *
 * The loss L depends on a weight w through the embeddings e_i of all images: dL/dw = sum_i (dL/de_i) (de_i/dw). So a first Loop embeds piece
 * by piece and keeps e alone; dL/de is that of a graph of the size of e; and a second Loop embeds each piece again and goes back from its rows
 * of dL/de. The sum over the pieces is the gradient, and the activations of one piece are all that is ever there.
 */
import type { GraphBuilder } from '../builder/builder.js';
import { gradients } from '../builder/gradients.js';
import type { TrainingLayers } from '../nn/training.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { mul } from '../ops/arithmetic.js';
import { sum } from '../ops/reduce.js';
import { bnDefaults } from '../ops/norm.js';
import type { Packing, VectorPacking } from '../state/packing.js';
import type { Forward, NetworkParts, NetworkState, Passes, Tensors } from './passes.js';
import { cut, forward, watched, widened } from './passes.js';
import { slopesOf } from './on-embeddings.js';
import type { Piece } from './piece.js';
import { pieceOf } from './piece.js';

/** How a batch is divided; the last piece has what is left. */
interface Division {
  batchSize: number;
  /** Images in a piece. */
  size: number;
}

export interface Pieces extends Division {
  /** Images in all, where the batch is divided among ranks too; those of the batch unless given. */
  total?: number;
  /** Of the images of a piece. */
  on: (g: GraphBuilder, piece: Piece) => NetworkParts;
}

/** What a piece gives: a summand of the total, and a row for each of its images. */
interface Share {
  summand?: Value;
  rows?: Value;
}

/**
 * Writes the pieces as a Loop, and a smaller last one behind it.
 *
 * @param name of the Loop's place; the layers' places are the network's, which its parameters are called by
 * @param zero of the summands' shape, where there are some
 */
function overPieces(
  g: GraphBuilder,
  name: string,
  { batchSize, size }: Division,
  zero: Value | null,
  body: (g: GraphBuilder, piece: Piece) => Share,
): Share {
  const count = Math.floor(batchSize / size);
  const { carried, collected } = g.scope(name, () =>
    g.loop(
      g.scalar(count, 'int64'),
      zero ? [zero] : [],
      (inner, index, sums) => {
        const { summand, rows } = body(inner, pieceOf(batchSize, size, index));
        return { carried: sums.map((sum) => inner.op('Add', [sum, summand!])), collected: rows ? [rows] : [] };
      },
      count,
    ),
  );
  const [total] = carried;
  const rows = collected[0] && g.op('Reshape', [collected[0], g.ints([-1, ...fixed(collected[0].shape).slice(2)])]);
  if (batchSize % size === 0) return { summand: total, rows };
  const last = body(g, pieceOf(batchSize, size, count));
  return {
    summand: total && g.op('Add', [total, last.summand!]),
    rows: rows && g.op('Concat', [rows, last.rows!], { axis: 0 }),
  };
}

/** The running statistics as they lie packed. */
export interface Running {
  vector: Value;
  tensors: ReadonlyMap<string, Value>;
  packing: VectorPacking;
}

/**
 * What a piece adds to the running statistics, packed as they are: its own, weighted by its images. Their mean over the pieces is what
 * the batch is taken to have; PyTorch's DataParallel keeps the first piece's.
 *
 * @param share of the batch that the piece is
 */
function ownStatistics(
  g: GraphBuilder,
  share: number,
  { statistics }: TrainingLayers,
  { tensors, packing }: Running,
): Value {
  const factorOf = (name: string): number => (statistics.get(name)?.factor ?? 0) * share;
  return g.scope('statistics', () => {
    const own = [...tensors].map(([name, old]) => {
      const value = statistics.get(name)?.value ?? old;
      return packing.fill ? value : g.op('Mul', [value, g.scalar(factorOf(name))]);
    });
    const packed = packing.pack(g, own);
    return packing.fill ? g.op('Mul', [packed, packing.fill(g, ({ name }) => factorOf(name))]) : packed;
  });
}

/**
 * The running statistics after a batch: those that layers have renewed move towards the sum of its pieces' shares.
 *
 * @param names of the renewed
 */
export function renewedBy(
  g: GraphBuilder,
  total: Value,
  names: ReadonlySet<string>,
  { vector, tensors, packing }: Running,
): Value {
  const keptOf = (name: string): number => (names.has(name) ? 1 - bnDefaults.momentum : 1);
  return g.scope('renew', () => {
    const kept = packing.fill
      ? g.op('Mul', [vector, packing.fill(g, ({ name }) => keptOf(name))])
      : packing.pack(
          g,
          [...tensors].map(([name, old]) => g.op('Mul', [old, g.scalar(keptOf(name))])),
        );
    return g.op('Add', [kept, total]);
  });
}

const zeroLike = (g: GraphBuilder, vector: Value): Value => g.op('Mul', [vector, g.scalar(0)]);

/** A piece's forward pass, on its tensors. */
function forwardOf(g: GraphBuilder, pieces: Pieces, piece: Piece, tensors: Tensors): Forward {
  const { network, mode } = pieces.on(g, piece);
  return forward(g, tensors, { network, mode: { ...mode, renewal: 'together' } });
}

/**
 * The first Loop.
 *
 * @returns embeddings [N, embedDim]; the names of the running statistics that the batch renews, and what it adds to them, packed
 */
export function embedPieces(
  g: GraphBuilder,
  running: Running,
  tensors: Tensors,
  pieces: Pieces,
): { embeddings: Value; renewed: ReadonlySet<string>; statistics: Value | undefined } {
  const renewed = new Set<string>();
  const { batchSize, total = batchSize } = pieces;
  const zeros = tensors.buffers.size > 0 ? zeroLike(g, running.vector) : null;
  const { rows, summand } = overPieces(g, 'embed', pieces, zeros, (inner, piece) => {
    const { embeddings, layers } = forwardOf(inner, pieces, piece, tensors);
    for (const name of layers.statistics.keys()) renewed.add(name);
    return { rows: embeddings, summand: ownStatistics(inner, piece.size / total, layers, running) };
  });
  return { embeddings: rows!, renewed, statistics: renewed.size > 0 ? summand : undefined };
}

/**
 * The second Loop.
 *
 * @param slope the gradient with respect to the embeddings, [N, embedDim]
 * @returns that with respect to the parameters, packed
 */
export function backThroughPieces(
  g: GraphBuilder,
  { params }: Pick<NetworkState, 'params'>,
  tensors: Tensors,
  packing: Packing,
  { pieces, slope }: { pieces: Pieces; slope: Value },
): Value {
  const { summand } = overPieces(g, 'back', pieces, zeroLike(g, params), (inner, piece) => {
    const { embeddings, read } = forwardOf(inner, pieces, piece, watched(inner, tensors));
    // Of this, the gradient with respect to the embeddings is the slope.
    const along = sum(inner, mul(inner, embeddings, piece.rows(inner, slope)), [0, 1]);
    const slopes = inner.untracked(() => gradients(inner, along, read, [...tensors.params.keys()]));
    return { summand: packing.params.pack(inner, widened(inner, slopes)) };
  });
  return summand!;
}

export function inPieces(g: GraphBuilder, state: NetworkState, packing: Packing, pieces: Pieces): Passes {
  const tensors = cut(g, state, packing);
  const running = { vector: state.buffers, tensors: tensors.buffers, packing: packing.buffers };
  const embedded = embedPieces(g, running, tensors, pieces);
  const embeddings = g.watch(embedded.embeddings);
  return {
    embeddings,
    buffers: embedded.statistics ? renewedBy(g, embedded.statistics, embedded.renewed, running) : state.buffers,
    back: (loss, others, called) => {
      const [slope, ...rest] = slopesOf(g, loss, embeddings, others, called);
      const packed = backThroughPieces(g, state, tensors, packing, { pieces, slope });
      return { packed, tensors: [...packing.params.unpack(g, packed).values()], others: rest };
    },
  };
}
