/** The smallest model, which starts ONNX Runtime: y = Identity(x), float32 [1]. */

/** A field of Protocol Buffers: a number below 128, or bytes or text of fewer. */
function field(number: number, value: number | string | readonly number[]): number[] {
  if (typeof value === 'number') return [number << 3, value];
  const bytes = typeof value === 'string' ? [...new TextEncoder().encode(value)] : value;
  return [(number << 3) | 2, bytes.length, ...bytes];
}

const float32 = 1;
const tensorType = field(1, [...field(1, float32), ...field(2, field(1, field(1, 1)))]);
const value = (name: string) => [...field(1, name), ...field(2, tensorType)];
const node = [...field(1, 'x'), ...field(2, 'y'), ...field(4, 'Identity')];
const graph = [...field(1, node), ...field(2, 'start'), ...field(11, value('x')), ...field(12, value('y'))];

/** ModelProto of onnx.proto: ir_version, graph, opset_import. */
export const startModel = Uint8Array.from([...field(1, 8), ...field(7, graph), ...field(8, field(2, 13))]);
