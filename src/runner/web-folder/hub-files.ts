/** What transformers.js reads beside the graphs. */
import type { WebModelInfo } from '../../graph/artifacts/web-model.js';

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/**
 * `config.json`. `PreTrainedModel` is transformers.js's class for a model that is one graph, `model.onnx`. Without a `dtype` it
 * would ask for `model_quantized.onnx` on wasm.
 */
const config = ({ model, imageSize, featDim, embedDim, resize, preprocessing }: WebModelInfo) => ({
  model_type: 'dws',
  architectures: ['PreTrainedModel'],
  backbone: model,
  image_size: imageSize,
  hidden_size: featDim,
  projection_dim: embedDim,
  resize,
  preprocessing,
  'transformers.js_config': { dtype: 'fp32', use_external_data_format: true },
});

/** `preprocessor_config.json`: only RGB values as float32 in 0..255; the graph does the rest. */
const preprocessor = {
  image_processor_type: 'ImageProcessor',
  do_convert_rgb: true,
  do_resize: false,
  do_center_crop: false,
  do_rescale: false,
  do_normalize: false,
};

export const hubFiles = (info: WebModelInfo): Record<string, string> => ({
  'config.json': json(config(info)),
  'preprocessor_config.json': json(preprocessor),
});
