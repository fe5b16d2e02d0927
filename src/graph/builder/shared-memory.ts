/** Which values of a graph may lie in the memory of its inputs. */
import type { OperatorName } from '../onnx/names.js';
import type { NodeProto, TensorProto } from '../onnx/schema.js';

/** Operators whose result may be their input's memory: views, and what ONNX Runtime leaves out where it does nothing. */
const sharing: ReadonlySet<string> = new Set<OperatorName>([
  ...(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Slice', 'Expand', 'Pad'] as const),
  ...(['Cast', 'Concat', 'Split', 'Add', 'Sub', 'Mul', 'Div', 'Pow', 'Sum', 'Mean', 'Max', 'Min', 'Clip'] as const),
]);

/**
 * Whether a value may lie where an input of the graph does. ONNX Runtime gives the results of some operators no memory of their
 * own, and leaves others out where they change nothing; a Loop's rows are read after its last step, when the memory of what it
 * carries has been written over.
 */
export function mayShareMemory(name: string, nodes: readonly NodeProto[], constants: readonly TensorProto[]): boolean {
  const node = nodes.find(({ output }) => output.includes(name));
  if (!node) return !constants.some((constant) => constant.name === name);
  return (
    sharing.has(node.opType) && node.input.some((input) => input !== '' && mayShareMemory(input, nodes, constants))
  );
}
