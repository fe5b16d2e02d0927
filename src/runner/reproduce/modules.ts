/** The modules of a recorded run. The record never loads one: whoever repeats the run names them. */
import { printableName } from '../base/printable-name.js';
import { UserError } from '../base/errors.js';
import { readPart } from '../modules/onnx-facts.js';
import type { ModuleFacts, ModuleSources } from '../modules/kinds.js';
import { partKinds } from '../modules/kinds.js';
import type { Change } from './changes.js';
import { digits } from './changes.js';
import type { Segment } from './record.js';

/**
 * @param file of the record, for the error
 * @throws UserError that lists the options to give, for a run with modules that are not named
 */
export function requireNamed(segments: readonly Segment[], given: ModuleSources, file: string): void {
  const recorded = segments.flatMap(({ modules = [] }) => modules);
  const missing = partKinds.filter((kind) => recorded.some((one) => one.kind === kind) && !given[kind]);
  if (missing.length === 0) return;
  const flags = missing.map((kind) => `--${kind} ${printableName(recorded.find((one) => one.kind === kind)!.path)}`);
  throw new UserError(
    `${file} was trained with modules, which run only if the command line names them: add ${flags.join(' ')}`,
  );
}

/** Which of a module's files are others, in words. */
function changedFiles(was: Pick<ModuleFacts, 'files'>, now: Pick<ModuleFacts, 'files'>): string[] {
  const before = new Map(was.files.map(({ path, sha256 }) => [path, sha256]));
  const after = new Map(now.files.map(({ path, sha256 }) => [path, sha256]));
  const names = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
  const verb = (name: string) => (!after.has(name) ? 'is gone' : before.has(name) ? 'has changed' : 'is new');
  return names.map((name) => `${printableName(name)} ${verb(name)}`);
}

/** What of a run's modules may be another thing although their files are the same, in words; empty without modules. */
export const suspects = ({ modules = [] }: Pick<Segment, 'modules'>): string[] =>
  modules.map(
    ({ kind, path }) =>
      `the ${kind} ${printableName(path)} may be the cause: a package that it imports is another one, or it takes something ` +
      `from Math.random(), a clock or a file`,
  );

/** What is another thing about the modules; nothing of them runs. @throws UserError when one can't be read */
export async function changedModules({ modules = [] }: Segment, given: ModuleSources): Promise<Change[]> {
  const changes: Change[] = [];
  for (const kind of partKinds) {
    const was = modules.find((one) => one.kind === kind);
    const source = given[kind];
    const now = source && (await readPart(kind, source.path));
    if (was?.sha256 === now?.sha256) continue;
    changes.push({
      name: `--${kind} ${printableName(source?.path ?? was!.path)}`,
      was: was ? digits(was.sha256) : 'none',
      now: now ? digits(now.sha256) : 'none',
      decides: true,
      ...(was && now && { details: changedFiles(was, now) }),
    });
  }
  return changes;
}
