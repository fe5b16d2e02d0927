/** Every backbone by its torchvision name. */
import { alexnets } from './alexnet.js';
import type { Backbone } from './backbone.js';
import { densenets } from './densenet.js';
import { inceptions } from './inception.js';
import { resnets } from './resnet.js';
import { squeezenets } from './squeezenet.js';
import { vggs } from './vgg.js';

export const backbones: Record<string, Backbone> = {
  ...alexnets,
  ...densenets,
  ...inceptions,
  ...resnets,
  ...squeezenets,
  ...vggs,
};

/** @throws Error that lists the known names */
export function findBackbone(name: string): Backbone {
  const backbone = Object.hasOwn(backbones, name) ? backbones[name] : undefined;
  if (!backbone) throw new Error(`unknown model ${name}; known: ${Object.keys(backbones).join(', ')}`);
  return backbone;
}
