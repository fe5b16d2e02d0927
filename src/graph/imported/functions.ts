/** Functions that a model brings, written out where they are called. */
import type { AttributeProto, FunctionProto, NodeProto } from '../onnx/schema.js';

/** Functions may call functions, but not for ever. */
const deepest = 50;
/** As many nodes as no model has. */
const mostNodes = 1_000_000;

const keyOf = (domain: string | undefined, name: string): string => `${domain ?? ''} ${name}`;

/** Attributes of a function's node, those of the call in their places; one that the call leaves out is left out. */
function bound(attributes: readonly AttributeProto[], given: ReadonlyMap<string, AttributeProto>): AttributeProto[] {
  return attributes.flatMap((attribute) => {
    if (!attribute.refAttrName) return [attribute];
    const value = given.get(attribute.refAttrName);
    return value ? [{ ...value, name: attribute.name }] : [];
  });
}

/** A function's nodes with the names of a call. */
function expanded(
  call: NodeProto,
  { node, input, output, attributeProto = [] }: FunctionProto,
  at: number,
): NodeProto[] {
  const prefix = `${call.name || call.output[0]}/${at}/`;
  const outer = new Map<string, string>([
    ...input.map((name, i): [string, string] => [name, call.input[i] ?? '']),
    ...output.map((name, i): [string, string] => [name, call.output[i] || `${prefix}${name}`]),
  ]);
  const called = (name: string) => (name === '' ? '' : (outer.get(name) ?? `${prefix}${name}`));
  const given = new Map([...attributeProto, ...call.attribute].map((one) => [one.name, one]));
  return node.map((inner) => ({
    ...inner,
    name: `${prefix}${inner.name || inner.output[0]}`,
    input: inner.input.map(called),
    output: inner.output.map(called),
    attribute: bound(inner.attribute, given),
  }));
}

/**
 * @returns nodes none of which calls one of the functions
 * @throws Error for functions that call each other without end
 */
export function inlined(nodes: readonly NodeProto[], functions: readonly FunctionProto[]): NodeProto[] {
  const known = new Map(functions.map((one) => [keyOf(one.domain, one.name), one]));
  if (known.size === 0) return [...nodes];
  let count = 0;
  const written = (list: readonly NodeProto[], depth: number): NodeProto[] =>
    list.flatMap((node) => {
      const called = known.get(keyOf(node.domain, node.opType));
      if (++count > mostNodes || depth > deepest)
        throw new Error(`its functions call each other without end, ${node.opType} among them`);
      return called ? written(expanded(node, called, count), depth + 1) : [node];
    });
  return written(nodes, 0);
}
