/** Keeps a new training from writing over an older one. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { UserError } from './errors.js';

/** @throws UserError when the folder holds a checkpoint that a training with this prefix would replace */
export function requireFreshFolder(folder: string, prefix: string): void {
  const file = path.join(folder, `${prefix}checkpoint.safetensors`);
  if (!existsSync(file)) return;
  throw new UserError(
    `${folder} holds a training already. Go on from it with --resume ${file}, choose another folder with --out, ` +
      `or remove it first.`,
  );
}
