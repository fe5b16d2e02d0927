/** A backbone's ONNX file as a checkpoint keeps it: the network without its weights, so that embedding needs no other file. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { fileBackbone } from '../../graph/imported/backbone.js';
import { readModel } from '../../graph/imported/model.js';
import { rolesOf } from '../../graph/imported/roles.js';
import { withoutWeights, zeros } from '../../graph/imported/skeleton.js';
import { decodeModel, encodeModel } from '../../graph/onnx/schema.js';
import { UserError } from '../base/errors.js';
import type { OnnxFile } from '../onnx-files/read-model.js';
import type { LoadedModules } from './kinds.js';

/** Far more than a network without weights takes. */
const mostBytes = 256 * 2 ** 20;

const form = /^([A-Za-z][\w.-]{0,63}):([A-Za-z0-9+/=]+)$/;

/** `NAME:BASE64`, of the deflated file. */
export function networkText(name: string, { proto, model, external }: OnnxFile): string {
  const roles = rolesOf(model);
  const weights = new Set([...roles].flatMap(([tensor, { role }]) => (role === 'constant' ? [] : [tensor])));
  const bytes = encodeModel(withoutWeights(proto, weights, external));
  return `${name}:${deflateRawSync(bytes).toString('base64')}`;
}

/**
 * @param from the checkpoint, for errors
 * @param sha256 what it has recorded of the file: digits
 * @throws UserError when the text is none of `networkText`
 */
export function networkModules(text: string, from: string, sha256: string): LoadedModules {
  const [, name, packed] = form.exec(text) ?? [];
  try {
    const bytes = inflateRawSync(Buffer.from(packed!, 'base64'), { maxOutputLength: mostBytes });
    const backbone = fileBackbone(name!, readModel(decodeModel(bytes), zeros));
    const facts = [{ kind: 'backbone' as const, path: from, files: [], sha256, network: text }];
    return { definitions: { backbone }, facts, network: text };
  } catch (error) {
    throw new UserError(`${from} is damaged: its entry network is no network. Take another checkpoint.`, {
      cause: error,
    });
  }
}
