/** A float tensor in a file of weights. */
export interface WeightTensor {
  name: string;
  shape: number[];
  /**
   * Row-major float32 (half, bfloat16 and double are converted), read from the file now. Nothing is kept: each call
   * reads again.
   *
   * @throws UserError when the file can't be read, was changed or cut short since it was opened, or the memory is full
   */
  read(): Promise<Float32Array>;
}

export interface WeightFile {
  path: string;
  /** For people: "PyTorch zip", "PyTorch legacy", "safetensors", "ONNX". */
  format: string;
  /** Float tensors, in the file's order; integers such as `num_batches_tracked` are left out. */
  tensors: WeightTensor[];
  /** Tensors can't be read afterwards. */
  close(): Promise<void>;
}
