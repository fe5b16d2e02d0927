/** What a backbone is. */
import type { Value } from '../builder.js';
import type { Layers } from '../nn.js';

export interface Backbone {
  /** Images (feature maps of 3 channels, normalized) -> features [N, featDim]. */
  features: (nn: Layers, images: Value, featDim: number) => Value;
  /** Height and width of the images it was designed for, in pixels. */
  imageSize: number;
  /** The smallest height and width it can take, in pixels. */
  smallest: number;
}
