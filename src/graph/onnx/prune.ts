/** Leaves out what no output of a graph depends on. */
import type { GraphProto, NodeProto } from './schema.js';

/** Everything a node reads, its subgraphs included (names inside a subgraph that are its own do no harm). */
export const reads = (node: NodeProto): string[] => [
  ...node.input,
  ...node.attribute.flatMap(({ g }) => (g ? g.node.flatMap(reads) : [])),
];

/** The graph without nodes and initializers that nothing uses; its inputs stay. Nodes must be in topological order. */
export function prune(graph: GraphProto): GraphProto {
  const needed = new Set(graph.output.map(({ name }) => name));
  const node = graph.node
    .toReversed()
    .filter((candidate) => {
      const used = candidate.output.some((name) => needed.has(name));
      if (used) reads(candidate).forEach((name) => needed.add(name));
      return used;
    })
    .reverse();
  return { ...graph, node, initializer: graph.initializer.filter(({ name }) => needed.has(name!)) };
}
