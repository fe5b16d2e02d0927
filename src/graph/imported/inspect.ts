/** What can be trained of a file, and what stands in the way. */
import type { FileOptions } from './backbone.js';
import { fileBackbone, targetOf } from './backbone.js';
import { evaluates } from './evaluate.js';
import type { FileInput, FileModel } from './model.js';
import { controlFlow } from './model.js';
import { inOneLine } from './one-line.js';
import { inOneVersion } from './prepare.js';
import type { RoleFound } from './roles.js';
import { isWritten, nodesFor } from './write.js';

export interface InspectedTensor extends RoleFound {
  name: string;
  shape: readonly number[];
  /** Whether what `target` is computed by reads it. */
  isRead: boolean;
}

export interface Obstacle {
  node: string;
  operator: string;
  reason: string;
}

export interface Inspection {
  producer: string;
  opset: number;
  inputs: readonly FileInput[];
  outputs: readonly string[];
  /** How many nodes of each there are, the most first. */
  operators: readonly (readonly [operator: string, count: number])[];
  /** Of float32. */
  tensors: readonly InspectedTensor[];
  /** What features are taken from; undefined where no such tensor can be found. */
  target?: string;
  /** Their width, where the network can be written. */
  width?: number;
  imageSize: number;
  obstacles: readonly Obstacle[];
}

/** Nodes that nothing here writes. */
function unwritten(model: FileModel, target: string): Obstacle[] {
  return nodesFor(model, [target]).flatMap(({ name: node, type: operator, domain }) => {
    if (domain === controlFlow) return [{ node, operator, reason: 'it holds a graph of its own' }];
    if (domain !== '') return [{ node, operator, reason: `an operator of ${domain}` }];
    return isWritten(operator) || evaluates(operator) ? [] : [{ node, operator, reason: 'no gradient here' }];
  });
}

const counted = (types: readonly string[]): [string, number][] => {
  const counts = new Map<string, number>();
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
};

/** @param imageSize of the images that the network is written for; what it was designed for unless given */
export function inspected(model: FileModel, options: FileOptions, imageSize?: number): Inspection {
  const obstacles: Obstacle[] = [];
  const attempt = <T>(body: () => T): T | undefined => {
    try {
      return inOneLine(body);
    } catch (error) {
      const [, node, operator, reason] = /^node (.+?) \((\w+)\): (.*)$/s.exec((error as Error).message) ?? [];
      const known = obstacles.some((one) => one.node === node);
      if (!known)
        obstacles.push({ node: node ?? '', operator: operator ?? '', reason: reason ?? (error as Error).message });
      return undefined;
    }
  };
  const ready = attempt(() => inOneVersion(model));
  const target = attempt(() => targetOf(model, options));
  for (const found of ready && target !== undefined ? unwritten(ready.model, target) : []) obstacles.push(found);
  const backbone = attempt(() => fileBackbone('inspected', model).create(options));
  const size = imageSize ?? backbone?.imageSize ?? 0;
  const width = obstacles.length === 0 ? attempt(() => backbone?.width!(size)) : undefined;
  const read = new Set(
    ready && target !== undefined ? nodesFor(ready.model, [target]).flatMap(({ inputs }) => inputs) : [],
  );
  return {
    producer: model.producer,
    opset: model.opset,
    inputs: model.inputs,
    outputs: model.outputs,
    operators: counted(
      model.nodes.map(({ type, domain }) => (domain === '' || domain === controlFlow ? type : `${domain}.${type}`)),
    ),
    tensors: [...(ready?.roles ?? [])].map(([name, found]) => ({
      ...{ name, shape: model.tensors.get(name)?.shape ?? [], ...found },
      isRead: read.has(name),
    })),
    ...(target !== undefined && { target }),
    ...(width !== undefined && { width }),
    imageSize: size,
    obstacles,
  };
}
