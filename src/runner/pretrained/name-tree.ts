/** Names with their parts as the branches of a tree: `layer1.0.bn1.weight` is four levels down. */

export interface NameNode<Leaf> {
  /** The names' parts up to here, for people. */
  path: string;
  parent?: NameNode<Leaf>;
  children: Map<string, NameNode<Leaf>>;
  /** What has this very name; more than one where the names of a file differ in nothing that counts. */
  leaves: Leaf[];
}

/** No program nests modules this deep; a file may say anything. */
const DEEPEST = 64;

/** How names are taken apart. */
export type Separator = RegExp;

/** As PyTorch's are; a slash is what JAX and ONNX put there. */
export const dots: Separator = /[./]/;
/** Words of names too, as where somebody has put `_` in place of the dots. */
export const words: Separator = /[./:_-]/;

const makeNode = <Leaf>(path: string, parent?: NameNode<Leaf>): NameNode<Leaf> => ({
  path,
  parent,
  children: new Map(),
  leaves: [],
});

/** Names of more parts than any module has are left out. */
export function nameTree<Leaf>(
  leaves: readonly Leaf[],
  nameOf: (leaf: Leaf) => string,
  separator: Separator,
): NameNode<Leaf> {
  const root = makeNode<Leaf>('');
  for (const leaf of leaves) {
    const parts = nameOf(leaf).split(separator, DEEPEST + 1);
    if (parts.length > DEEPEST) continue;
    let node = root;
    for (const part of parts) {
      let next = node.children.get(part);
      if (next === undefined) {
        next = makeNode(node === root ? part : `${node.path}.${part}`, node);
        node.children.set(part, next);
      }
      node = next;
    }
    node.leaves.push(leaf);
  }
  return root;
}

/** A node and all below it by parts that are wanted, from the top down. */
export function* nodesOf<Leaf>(
  top: NameNode<Leaf>,
  isWanted: (part: string) => boolean = () => true,
): Generator<NameNode<Leaf>> {
  const waiting = [top];
  // The list grows as it is walked.
  for (let i = 0; i < waiting.length; i++) {
    yield waiting[i]!;
    for (const [part, child] of waiting[i]!.children) if (isWanted(part)) waiting.push(child);
  }
}

/** A node and those above it, nearest first. */
export function* upwards<Leaf>(node: NameNode<Leaf>): Generator<NameNode<Leaf>> {
  for (let at: NameNode<Leaf> | undefined = node; at !== undefined; at = at.parent) yield at;
}
