/** Where a part of a training writes its nodes. */
import type { GraphBuilder } from '../builder/builder.js';
import type { PartName } from '../declarations.js';
import { inPart } from '../declarations.js';

/**
 * Runs what a part has written, and what checks it: in a scope of its own, and with nodes only.
 *
 * @throws PartError
 */
export const writePart = <T>(g: GraphBuilder, part: PartName, scope: string, body: () => T): T =>
  inPart(part, () => g.closed(() => g.scope(scope, body)));
