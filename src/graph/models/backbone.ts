/** What a backbone is. */
import type { Value } from '../builder/builder.js';
import type { Declarations, ValuesOf } from '../declarations.js';
import type { Layers } from '../nn/layers.js';

export interface Backbone {
  /** Images (feature maps of 3 channels, normalized) -> features [N, featDim]. */
  features: (nn: Layers, images: Value, featDim: number) => Value;
  /** Name of its last layer, which `featDim` shapes; pretrained weights are for those in front of it. Null: `featDim` shapes none. */
  lastLayer: string | null;
  /** Height and width of the images it was designed for, in pixels. */
  imageSize: number;
  /** The smallest height and width it can take, in pixels. */
  smallest: number;
  /** The width that its features have for images of a size, where that is not for `featDim` to say. @throws Error as `features` */
  width?: (imageSize: number) => number;
}

export interface BackboneDefinition<D extends Declarations = Declarations> {
  name: string;
  options: D;
  create(values: ValuesOf<D>): Backbone;
}

/** A backbone with options of its own. */
export const defineBackbone = <D extends Declarations>(definition: BackboneDefinition<D>): BackboneDefinition<D> =>
  definition;
