/** The versions of ONNX that models are written in. */
export const opset = 18;
/** The IR version that came with opset 18. */
export const irVersion = 8;
