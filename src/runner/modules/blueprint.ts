/** What modules make of a training, to be compared: they have to make the same each time, or no run resumes or repeats. */
import type { Definitions } from '../../graph/parts/parts.js';
import { partsOf } from '../../graph/parts/parts.js';
import { buildEvalModel, buildTrainLoop } from '../../graph/artifacts/artifacts.js';
import type { GraphProto, ModelProto, NodeProto } from '../../graph/onnx/schema.js';
import { decodeModel } from '../../graph/onnx/schema.js';
import type { TrainingOptions } from '../../graph/options.js';
import { scalarsOf, vectorsOf } from '../../graph/optimizers/rule.js';
import { describeNetwork } from '../../graph/step/describe.js';
import { ModuleError, partOfNode, placeOfNode } from './blame.js';
import type { ModuleFacts, PartKind } from './kinds.js';

type GraphName = 'train_loop' | 'eval_model';

const builders: Record<GraphName, (options: TrainingOptions, definitions: Definitions) => Uint8Array> = {
  train_loop: buildTrainLoop,
  eval_model: buildEvalModel,
};

/** Everything that a training takes from its modules; plain data, so that it goes from thread to thread. */
export interface Blueprint {
  graphs: Record<GraphName, Uint8Array>;
  /** What the state is made of and begins with, as JSON, by whose it is. */
  state: Record<'backbone' | 'loss' | 'optimizer', string>;
}

/** @throws what modules throw */
export function blueprintOf(options: TrainingOptions, definitions: Definitions): Blueprint {
  const { loss, optimizer } = partsOf(options, definitions);
  const own = (loss.parameters ?? []).map(({ optimizer: rules = [], ...rest }) => [
    rest,
    vectorsOf(rules),
    scalarsOf(rules),
  ]);
  return {
    graphs: {
      train_loop: builders.train_loop(options, definitions),
      eval_model: builders.eval_model(options, definitions),
    },
    state: {
      backbone: JSON.stringify(describeNetwork(options, definitions)),
      loss: JSON.stringify(own),
      optimizer: JSON.stringify([vectorsOf(optimizer), scalarsOf(optimizer)]),
    },
  };
}

/** A graph's nodes, those inside of others in their place, each with the constants that it takes. */
function* nodesOf(graph: GraphProto): Generator<[NodeProto, string]> {
  const values = new Map(graph.initializer?.map((tensor) => [tensor.name, tensor]));
  for (const node of graph.node ?? []) {
    const inner = (node.attribute ?? []).flatMap(({ g }) => g ?? []);
    for (const body of inner) yield* nodesOf(body);
    const attribute = (node.attribute ?? []).filter(({ g }) => !g);
    yield [node, JSON.stringify({ ...node, attribute, taken: node.input?.map((name) => values.get(name)) })];
  }
}

const nodesIn = ({ graph }: ModelProto): [NodeProto, string][] => (graph ? [...nodesOf(graph)] : []);

/** The first node that is another in two models; bytes from a thread are no Buffer, and are decoded into other classes. */
function firstOther(a: Uint8Array, b: Uint8Array): string | undefined {
  const [nodes, others] = [a, b].map((bytes) => nodesIn(decodeModel(Uint8Array.from(bytes))));
  const found = nodes!.find(([, text], i) => text !== others![i]?.[1]);
  return (found ?? others![nodes!.length])?.[0].name;
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const advice =
  'It is called several times, in several threads, and has to do the same each time, or no run could be resumed or repeated: ' +
  'nothing from Math.random(), a clock or files. Random numbers of a step come from a sampling (docs/sampling.md), ' +
  'those that a parameter begins with from its init.';

/**
 * Compares what has been made of the same options twice.
 *
 * @param facts of the modules, which may be the only cause
 * @throws ModuleError naming the module whose graph or state is another one, and its line where a node tells it
 */
export function requireSameBlueprint(
  first: Blueprint,
  again: Blueprint,
  facts: readonly ModuleFacts[],
  options: TrainingOptions,
  definitions: Definitions,
): void {
  const fileOf = (kind: PartKind | undefined) =>
    facts.find((one) => one.kind === kind)?.path ?? facts.map(({ path }) => path).join(' or ');
  for (const part of ['backbone', 'loss', 'optimizer'] as const) {
    if (first.state[part] === again.state[part]) continue;
    throw new ModuleError(`${fileOf(part)}: shapes or first values of its state are others each time. ${advice}`);
  }
  for (const graph of Object.keys(first.graphs) as GraphName[]) {
    const [one, other] = [first.graphs[graph], again.graphs[graph]];
    if (isSame(one, other)) continue;
    const node = firstOther(one, other);
    const place =
      node === undefined ? undefined : placeOfNode(node, facts, () => builders[graph](options, definitions));
    const where = place ?? fileOf(node === undefined ? undefined : partOfNode(node));
    throw new ModuleError(
      `${where}: the graph is another one each time${node === undefined ? '' : `, first in the node ${node}`}. ${advice}`,
    );
  }
}
