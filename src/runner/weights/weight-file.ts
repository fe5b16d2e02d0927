/** A float tensor in a file of weights. */
export interface WeightTensor {
  /** With the places in front under which it is kept, `state_dict.module.conv1.weight`. */
  name: string;
  /** The dict or module of the file that holds it, `state_dict`; empty where the file has but one. */
  container: string;
  /** Equal for two names of the same values. */
  source: string;
  shape: number[];
  /**
   * Row-major float32 (half, bfloat16 and double are converted), read from the file now. Nothing is kept: each call
   * reads again.
   *
   * @throws UserError when the file can't be read, was changed or cut short since it was opened, or the memory is full
   */
  read(): Promise<Float32Array>;
}

/** A file of weights, opened; to be closed. */
export interface WeightFile {
  path: string;
  /** For people: "PyTorch zip", "PyTorch legacy", "safetensors", "ONNX". */
  format: string;
  /** Float tensors at any depth; integers such as `num_batches_tracked` are left out. */
  tensors: WeightTensor[];
  /** What else it names, classes of objects that are no tensors, for example: nothing of it was run. */
  passedOver: string[];
  /** What a person should know when the file does not fit, for example that its normalization was folded. */
  hint?: string;
  /** Tensors can't be read afterwards. */
  close(): Promise<void>;
}

/** What opening a file of one of the formats gives. */
export type WeightContent = Pick<WeightFile, 'tensors' | 'hint'> & Partial<Pick<WeightFile, 'passedOver'>>;
