/**
 * One step of a batch that is divided among ranks, as the models between which they speak with each other. Each rank embeds its images
 * (`embed`), gathers the embeddings of all, computes the loss of the whole batch and its gradient with respect to the embeddings (`loss`), goes
 * back through its own rows (`back`), and updates its copy of the state (`update`) by the gradient that all ranks' add up to. What they add up is a sum, not a mean: the loss is one of
 * the whole batch. The gradient of the loss's own parameters is whole on every rank.
 */
import type { Value } from '../builder/builder.js';
import { GraphBuilder } from '../builder/builder.js';
import { encodeModel } from '../onnx/schema.js';
import type { TrainingOptions } from '../options.js';
import type { Definitions, Parts } from '../parts/parts.js';
import { partsOf } from '../parts/parts.js';
import { lossScale } from '../parts/state.js';
import type { Packing } from '../state/packing.js';
import { flatPacking } from '../state/packing.js';
import type { NetworkLayout } from '../state/state.js';
import { describeNetwork } from '../step/describe.js';
import { finishStep } from '../step/finish.js';
import type { LoopedStep, State } from '../step/loop.js';
import { stepLoop } from '../step/loop.js';
import { scaleIn } from '../step/loss-scale.js';
import type { Pieces, Running } from '../step/micro-batches.js';
import { backThroughPieces, embedPieces, renewedBy } from '../step/micro-batches.js';
import { lossOnEmbeddings, slopesOf } from '../step/on-embeddings.js';
import type { NetworkState, Tensors } from '../step/passes.js';
import { cut } from '../step/passes.js';
import { inWholeBatch } from '../step/piece.js';
import { beginUpdate } from '../step/update.js';
import { dropoutBytes, learningParameters, ownOf, rateInputs, stateInputs, uniformsShape } from './inputs.js';
import { decoded, networkOnPiece } from './on-images.js';

export const rankModels = ['rank_embed', 'rank_loss', 'rank_back', 'rank_update'] as const;
export type RankModel = (typeof rankModels)[number];

/** Images of a batch that each of `ranks` has. @throws Error when they can't be divided */
export function imagesOfRank({ batchSize }: Pick<TrainingOptions, 'batchSize'>, ranks: number): number {
  if (batchSize % ranks === 0) return batchSize / ranks;
  throw new Error(`a batch of ${batchSize} images can't be divided among ${ranks} ranks: give a multiple`);
}

/** A rank's share of the network's work, and what it is written on. */
interface Share {
  state: NetworkState;
  tensors: Tensors;
  packing: Packing;
  running: Running;
  pieces: Pieces;
}

/** Inputs: `images` uint8 [n, S, S, 3], `first` int32, the place of its first image in the batch, `dropout` uint8 [dropoutBytes] of the whole batch, `params`, `buffers`. */
function shareOf(g: GraphBuilder, options: TrainingOptions, ranks: number, parts: Parts, layout: NetworkLayout): Share {
  const { imageSize, batchSize, microBatch } = options;
  const own = imagesOfRank(options, ranks);
  const images = g.input('images', 'uint8', [own, imageSize, imageSize, 3]);
  const first = g.op('Cast', [g.input('first', 'int32', [])], { to: 'int64' });
  const bytes = dropoutBytes(layout, options);
  const dropout = bytes ? g.input('dropout', 'uint8', [bytes]) : null;
  const packing = flatPacking(layout);
  const state = {
    params: g.input('params', 'float32', [layout.paramCount]),
    buffers: g.input('buffers', 'float32', [layout.bufferCount]),
    inHalves: parts.scalesLoss,
  };
  const tensors = cut(g, state, packing);
  const running = { vector: state.buffers, tensors: tensors.buffers, packing: packing.buffers };
  const pieces: Pieces = {
    ...{ batchSize: own, size: Math.min(microBatch ?? own, own), total: batchSize },
    on: (inner, piece) =>
      networkOnPiece(
        inner,
        { images: decoded(images, options), dropout, piece, ofBatch: inWholeBatch(piece, first, batchSize) },
        parts,
        options,
      ),
  };
  return { state, tensors, packing, running, pieces };
}

/** Outputs: `embeddings` [n, embedDim]; `statistics` [R], what is added to the running ones, summed over ranks, where a batch renews some. */
function writeEmbed(g: GraphBuilder, options: TrainingOptions, ranks: number, definitions: Definitions) {
  const layout = describeNetwork(options, definitions);
  const { running, tensors, pieces } = shareOf(g, options, ranks, partsOf(options, definitions), layout);
  return embedPieces(g, running, tensors, pieces);
}

function buildEmbed(g: GraphBuilder, options: TrainingOptions, ranks: number, definitions: Definitions): void {
  const { embeddings, statistics } = writeEmbed(g, options, ranks, definitions);
  g.output('embeddings', embeddings);
  if (statistics) g.output('statistics', statistics);
}

/** Inputs: `images`, `first`, `dropout`, `params`, `buffers` as above, `slope` [n, embedDim]. Output: `gradients` [P]. */
function buildBack(g: GraphBuilder, options: TrainingOptions, ranks: number, definitions: Definitions): void {
  const layout = describeNetwork(options, definitions);
  const { state, tensors, packing, pieces } = shareOf(g, options, ranks, partsOf(options, definitions), layout);
  const slope = g.input('slope', 'float32', [imagesOfRank(options, ranks), options.embedDim]);
  g.output('gradients', backThroughPieces(g, state, tensors, packing, { pieces, slope }));
}

/**
 * Inputs: `embeddings` [N, embedDim], `labels` int32 [N], `uniforms`, the loss's parameters, and `loss_scale` in mixed precision. Outputs:
 * `loss`, its statistics, `slope` [N, embedDim], and NAME_gradient of the loss's parameters that learn.
 */
function buildLoss(g: GraphBuilder, options: TrainingOptions, _ranks: number, definitions: Definitions): void {
  const parts = partsOf(options, definitions);
  const layout = describeNetwork(options, definitions);
  const { batchSize, embedDim, batchK } = options;
  const embeddings = g.watch(g.input('embeddings', 'float32', [batchSize, embedDim]));
  const labels = g.input('labels', 'int32', [batchSize]);
  const random = uniformsShape(parts, options);
  const uniforms = random && g.input('uniforms', 'float32', random);
  const own = (parts.loss.parameters ?? []).map(({ name }) => name);
  const wanted = [...own, ...(parts.scalesLoss ? [lossScale] : [])];
  const state = stateInputs(g, layout, parts, (name) => wanted.includes(name));
  const scale = parts.scalesLoss ? scaleIn(g, state[lossScale]!) : undefined;
  const inputs = { labels, uniforms, own: ownOf(state, parts), ...(scale && { scale }) };
  const step = lossOnEmbeddings(g, embeddings, inputs, { ...parts, batchK });
  const [slope, ...others] = slopesOf(g, step.scaled, embeddings, step.learning.values, step.learning.called);
  g.output('loss', step.outputs.loss);
  for (const [name, value] of Object.entries(step.outputs.statistics)) g.output(name, value);
  g.output('slope', slope);
  step.learning.names.forEach((name, i) => g.output(`${name}_gradient`, step.unscaled(others[i]!)));
}

/**
 * A Loop of one step, since that writes the state after nothing reads it any more. Inputs: `gradients` [P], `statistics` [R] where there are
 * some, both summed over ranks; `loss`, NAME_gradient, `lr` and `lr_NAME` [1], and the state. Outputs: as of `train_loop.onnx`, of one step.
 */
function buildUpdate(g: GraphBuilder, options: TrainingOptions, ranks: number, definitions: Definitions): void {
  const parts = partsOf(options, definitions);
  const layout = describeNetwork(options, definitions);
  const packing = flatPacking(layout);
  const summed = g.input('gradients', 'float32', [layout.paramCount]);
  const scratch = new GraphBuilder(options.provider, '', [], options);
  const { renewed, statistics: hasStatistics } = writeEmbed(scratch, options, ranks, definitions);
  const statistics = hasStatistics && g.input('statistics', 'float32', [layout.bufferCount]);
  const loss = g.input('loss', 'float32', []);
  const learning = learningParameters(parts);
  const shapes = new Map((parts.loss.parameters ?? []).map(({ name, shape }) => [name, shape]));
  const own = learning.map((name) => [name, g.input(`${name}_gradient`, 'float32', shapes.get(name)!)] as const);
  const rates = rateInputs(g, parts, ['steps']);
  const initial = stateInputs(g, layout, parts, () => true);
  const step = (body: GraphBuilder, row: (data: Value) => Value, before: State): LoopedStep => {
    const update = beginUpdate(body, before, packing.places, parts, options);
    const scale = parts.scalesLoss ? scaleIn(body, before[lossScale]!) : undefined;
    const params = scale ? body.op('Mul', [summed, body.op('Reciprocal', [scale])]) : summed;
    const tensors = [...packing.params.unpack(body, summed).values()];
    const vector = before['buffers']!;
    const running = { vector, tensors: packing.buffers.unpack(body, vector), packing: packing.buffers };
    const buffers = statistics ? renewedBy(body, statistics, renewed, running) : vector;
    const gradient = { params, tensors, own: Object.fromEntries(own) as State };
    const learningRate = () => ({
      network: row(rates.network),
      own: Object.fromEntries(learning.map((name) => [name, row(rates.own[name]!)])),
    });
    const reached = { before, update, loss, gradient, buffers, learningRate };
    return { ...finishStep(body, reached, parts, packing.places, options, scale), loss };
  };
  stepLoop(g, rates.network, initial, step);
}

const builders: Record<
  RankModel,
  (g: GraphBuilder, options: TrainingOptions, ranks: number, definitions: Definitions) => void
> = { rank_embed: buildEmbed, rank_loss: buildLoss, rank_back: buildBack, rank_update: buildUpdate };

/** @param options of the whole batch @throws Error as the models of one process, and when the batch can't be divided */
export function buildRankModel(
  model: RankModel,
  options: TrainingOptions,
  ranks: number,
  definitions: Definitions = {},
): Uint8Array {
  const g = new GraphBuilder(options.provider, '', [], options);
  builders[model](g, options, ranks, definitions);
  return encodeModel(g.model(model));
}
