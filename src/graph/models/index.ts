/** Every backbone by its torchvision name. */
import type { Value } from '../builder.js';
import type { Layers } from '../nn.js';
import { resnets } from './resnet.js';

/** Images (feature maps of 3 channels, normalized) -> features [N, featDim]. */
export type Backbone = (nn: Layers, images: Value, featDim: number) => Value;

export const backbones: Record<string, Backbone> = { ...resnets };

/** @throws Error that lists the known names */
export function findBackbone(name: string): Backbone {
  const backbone = Object.hasOwn(backbones, name) ? backbones[name] : undefined;
  if (!backbone) throw new Error(`unknown model ${name}; known: ${Object.keys(backbones).join(', ')}`);
  return backbone;
}
