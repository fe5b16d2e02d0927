/** What an exported model says of the images that it takes, so that any program can prepare them as the training did. */
import { preprocessingText } from '../../graph/preprocessing.js';
import type { TrainedNetwork } from '../checkpoints/trained-network.js';

/** What goes into a model: the squares that the network sees, images as a decoder gives them, or what the network computes with. */
export type ModelInput = 'square' | 'any size' | 'normalized';

const inputTexts: Record<ModelInput, string> = {
  square: 'The model takes the resized RGB values in 0..255, and normalizes them itself.',
  'any size':
    'The model takes RGB values in 0..255 of an image that is upright and on white, of any size; it resizes and normalizes itself.',
  normalized: 'The model takes normalized values, float32 [batch, 3, height, width].',
};

/** Entries of the model's `metadata_props`. */
export const imageMetadata = (
  { network, preprocessing, step }: Pick<TrainedNetwork, 'network' | 'preprocessing' | 'step'>,
  input: ModelInput,
): Record<string, string> => ({
  network: JSON.stringify(network),
  resize: preprocessing.resize,
  preprocessing: JSON.stringify(preprocessing),
  images: `${preprocessingText(preprocessing)} ${inputTexts[input]}`,
  step: String(step),
});
