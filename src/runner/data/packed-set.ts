/** The sets that a pack was made of. */
import path from 'node:path';
import type { ImageRole, ImageSet, Split } from './folder.js';
import type { Pack } from './pack-file.js';
import type { PackedView } from './pack-index.js';

const roleOf = (role: number): ImageRole => ({ isQuery: (role & 1) > 0, isGallery: (role & 2) > 0 });

/** The set that a view was made of, with paths that lead into the pack; undefined where there is no such view. */
export function packedSet(pack: Pack, name: PackedView['name']): ImageSet | undefined {
  const view = pack.views.find((one) => one.name === name);
  if (!view) return undefined;
  const { root, classes, images: places, labels, roles, passedOver } = view;
  const at = (inside: string) => path.join(pack.file, inside);
  const split: Split = name === 'val' ? 'val' : 'train';
  return {
    ...{ root: at(root), split, classes, pack },
    images: places.map((place, i) => ({ path: at(pack.listed[place]!.path), label: labels[i]! })),
    ...(roles && { roles: roles.map(roleOf) }),
    ...(passedOver && {
      passedOver: passedOver.map(({ path: inside, kind, reason, isHidden }) => ({
        ...{ path: at(inside), kind, reason },
        ...(isHidden === true && { isHidden }),
      })),
    }),
  };
}
