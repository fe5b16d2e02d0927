/** Parts of a training that modules have brought, as a checkpoint records them. */
import { printable } from '../base/printable.js';
import { UserError } from '../base/errors.js';
import { shortHash } from '../base/short-hash.js';
import type { LoadedModules, PartKind } from '../modules/kinds.js';
import { parseLabel, partKinds } from '../modules/kinds.js';
import type { Checkpoint } from './checkpoint.js';

/** What a checkpoint says that its parts are called. */
const nameOf = ({ metadata: { options } }: Checkpoint, kind: PartKind): string =>
  printable(String(kind === 'backbone' ? options.model : options[kind]));

/** The digits of the modules that a run has recorded. */
export const recordedModules = (runOptions: Readonly<Record<string, unknown>>): Partial<Record<PartKind, string>> => {
  const { modules } = runOptions;
  // A file may say anything here.
  const labels: readonly unknown[] = Array.isArray(modules) ? modules : [];
  const parsed = labels.flatMap((label) => parseLabel(label) ?? []);
  return Object.fromEntries(parsed.map(({ kind, digits }) => [kind, digits]));
};

/**
 * Checks that the modules are there which a checkpoint's training was made with. A checkpoint never loads one itself.
 *
 * @param wanted the parts that count
 * @param allowOthers whether a module may have changed since
 * @throws UserError naming the option to give, or the module that has changed
 */
export function requireModules(
  checkpoint: Checkpoint,
  { facts }: LoadedModules,
  wanted: readonly PartKind[] = partKinds,
  allowOthers = false,
): void {
  const recorded = recordedModules(checkpoint.metadata.runOptions);
  for (const kind of wanted) {
    const digits = recorded[kind];
    if (digits === undefined) continue;
    const given = facts.find((module) => module.kind === kind);
    const what = `${checkpoint.path} was trained with the ${kind} ${nameOf(checkpoint, kind)} of a module (SHA-256 ${digits}...)`;
    if (!given) throw new UserError(`${what}: name that module with --${kind} FILE.`);
    if (given.sha256.startsWith(digits) || allowOthers) continue;
    throw new UserError(
      `${what}, and ${given.path} is another (SHA-256 ${shortHash(given.sha256)}...). ` +
        `Take the module as it was, or go on with this one by --other-modules.`,
    );
  }
}
