/** The constants and weights of a graph. */
import { requireConstant } from '../onnx/numbers.js';
import type { Value } from '../onnx/nodes.js';
import type { TensorProto } from '../onnx/schema.js';
import type { DType } from '../onnx/types.js';
import { dtypeCode, rawData, showShape } from '../onnx/types.js';

/** Constants of up to so many elements are compared with earlier ones. */
const largestShared = 1 << 16;
/** Constants of up to so many elements keep their values for shape rules. */
const largestReadable = 4096;

export class Initializers {
  readonly list: TensorProto[] = [];
  private readonly shared = new Map<string, Value>();

  /** @param prefix put before the names of constants @param graph whose they are */
  constructor(
    private readonly prefix: string,
    private readonly graph: symbol,
  ) {}

  /** A constant; equal ones are the same. @throws Error for values that do not fill the shape, or that are no such numbers */
  constant(dtype: DType, shape: readonly number[], values: ArrayLike<number>): Value {
    requireConstant(dtype, shape, values);
    const key = values.length <= largestShared ? `${dtype}${showShape(shape)}${Array.from(values).join()}` : undefined;
    const known = key === undefined ? undefined : this.shared.get(key);
    if (known) return known;
    const readable = values.length <= largestReadable && { data: Array.from(values) };
    const name = `${this.prefix}const_${this.list.length}`;
    const value: Value = { ...this.tensor(name, dtype, shape, rawData(dtype, values)), ...readable };
    if (key !== undefined) this.shared.set(key, value);
    return value;
  }

  /** A tensor of a given name, from its little-endian bytes. */
  tensor(name: string, dtype: DType, shape: readonly number[], bytes: Uint8Array): Value {
    this.list.push({ name, dims: [...shape], dataType: dtypeCode[dtype], rawData: bytes });
    return { name, dtype, shape, tracked: false, graph: this.graph };
  }
}
