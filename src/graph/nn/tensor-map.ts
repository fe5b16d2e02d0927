/** Parameters that are there already. */
import type { Value } from '../onnx/nodes.js';
import type { ParameterSource } from './layers.js';

/** Serves parameters from unpacked vectors. @throws Error for a name that is not there */
export class TensorMap implements ParameterSource {
  constructor(
    private readonly params: ReadonlyMap<string, Value>,
    private readonly buffers: ReadonlyMap<string, Value>,
  ) {}

  param(name: string): Value {
    return find(this.params, name);
  }

  buffer(name: string): Value {
    return find(this.buffers, name);
  }
}

/** Those of a copy in float16, and which of them have been asked for. */
export class HalfTensors extends TensorMap {
  readonly used = new Set<string>();

  override param(name: string): Value {
    this.used.add(name);
    return super.param(name);
  }
}

function find(tensors: ReadonlyMap<string, Value>, name: string): Value {
  const value = tensors.get(name);
  if (!value) throw new Error(`the layout has no tensor ${name}`);
  return value;
}
