/** Keeps a new training from writing over an older one. */
import { UserError } from '../base/errors.js';
import { checkpointNames, listFolder } from './names.js';

/** @throws UserError when the folder holds checkpoints that a training with this prefix would replace, or can't be read */
export async function requireFreshFolder(folder: string, prefix: string): Promise<void> {
  const [first] = checkpointNames(await listFolder(folder), prefix);
  if (first === undefined) return;
  throw new UserError(
    `${folder} holds a training already (${first.name}). Go on from it with --resume ${folder}, or choose another folder with --out.`,
  );
}
