/** Which of a file's tensors are a network's, whatever is around and between their names. */
import { listSome } from '../base/list-some.js';
import { UserError } from '../base/errors.js';
import { printable, printableJson } from '../base/printable.js';
import { countOf } from '../base/sizes.js';
import type { WeightFile, WeightTensor } from '../weights/weight-file.js';
import type { NameNode, Separator } from './name-tree.js';
import { dots, nameTree, nodesOf, upwards, words } from './name-tree.js';
import type { Placement, Score, Wanted } from './placement.js';
import { Placer, isSameShape } from './placement.js';
import type { Spelling } from './spellings.js';
import { spell, spellings } from './spellings.js';

/** A network's tensors, by parts that a file may lack or not. */
export interface WantedParts<Slot extends Wanted> {
  /** All in front of the last layer: what makes a file one of this network. */
  body: readonly Slot[];
  last: readonly Slot[];
  /** Beside the backbone, or around it. */
  head: readonly Slot[];
}

export interface FoundNetwork<Slot extends Wanted> {
  /** What stands in front of the network's names; empty where nothing does. */
  at: string;
  /** All of the body, in its shapes; of the last layer and the head what is there, in any shape. */
  tensors: Map<Slot, WeightTensor>;
}

/** How a file's names are read. */
interface Reading {
  spelling: Spelling;
  separator: Separator;
}

interface Candidate<Slot extends Wanted> extends Reading {
  placement: Placement<Slot>;
  ours: NameNode<Slot>;
}

/** A place that holds some of the network. */
interface Near<Slot extends Wanted> extends Score {
  place: () => Placement<Slot>;
}

const advice = 'Give weights of this --model, or the --model that they are of.';

/** Too few modules to be known by their names alone. */
const FEWEST_MODULES = 2;

/** A network's outermost module; and the only one inside, where it is, as programs keep `densenet121().features`. */
function topsOf<Slot extends Wanted>(root: NameNode<Slot>): NameNode<Slot>[] {
  const [only, ...others] = root.children.values();
  const inner = [...(only?.children.values() ?? [])].filter(({ children }) => children.size > 0);
  return only !== undefined && others.length === 0 && inner.length >= FEWEST_MODULES ? [root, only] : [root];
}

const isBetter = (one: Score, other: Score): boolean =>
  one.fitting > other.fitting || (one.fitting === other.fitting && one.named > other.named);

const NOTHING: Score = { named: 0, fitting: 0 };

class Search<Slot extends Wanted> {
  readonly candidates: Candidate<Slot>[] = [];
  /** What comes closest, for the error. */
  nearest: Near<Slot> | undefined;
  private readonly seen = new Set<string>();

  constructor(
    private readonly file: WeightFile,
    private readonly body: readonly Slot[],
  ) {}

  run(): void {
    for (const separator of [dots, words]) {
      for (const spelling of spellings) this.read({ spelling, separator });
      if (this.candidates.length > 0) return;
    }
  }

  private read(reading: Reading): void {
    const { spelling, separator } = reading;
    const isOther = this.body.some(({ bare }) => spell(spelling, bare) !== bare);
    if (spelling.rules.length > 0 && !isOther) return;
    const theirs = nameTree(this.file.tensors, ({ name }) => name, separator);
    const placer = new Placer<Slot>(this.file.path);
    for (const ours of topsOf(nameTree(this.body, ({ bare }) => spell(spelling, bare), separator))) {
      const parts = [...ours.children.keys()];
      for (const node of nodesOf(theirs)) {
        if (!parts.some((part) => node.children.has(part))) continue;
        const { named, fitting } = placer.score(ours, node);
        const place = () => placer.place(ours, node);
        if (fitting === this.body.length) this.add({ ...reading, ours, placement: place() });
        else if (isBetter({ named, fitting }, this.nearest ?? NOTHING)) this.nearest = { named, fitting, place };
      }
    }
  }

  private add(candidate: Candidate<Slot>): void {
    const { placement } = candidate;
    // One set of tensors under two names, as where a module is an attribute twice, is one.
    const key = JSON.stringify(this.body.map((slot) => placement.tensors.get(slot)!.source));
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.candidates.push(candidate);
  }
}

const placeOf = <Slot extends Wanted>({ placement }: Candidate<Slot>): string => placement.at.path;

const shown = (path: string): string => (path === '' ? '.' : printable(path));

/** Whether a place is the one that somebody names: by its path, or by a part of that. */
function isNamed(path: string, name: string): boolean {
  const inside = `.${path}.`;
  return inside.includes(`.${name}.`);
}

function choose<Slot extends Wanted>(
  file: WeightFile,
  candidates: readonly Candidate<Slot>[],
  at: string | undefined,
): Candidate<Slot> {
  const places = candidates.map(placeOf).map(shown);
  const list = `${places.slice(0, 10).join(', ')}${places.length > 10 ? ', ...' : ''}`;
  const top = places.includes('.') ? ' (. is the top of the file)' : '';
  if (at === undefined) {
    if (candidates.length === 1) return candidates[0]!;
    throw new UserError(
      `${file.path} (${file.format}) holds weights of this network at ${places.length} places: ${list}${top}. ` +
        `Say which with --weights-at, for example --weights-at ${places[0]}.`,
    );
  }
  const name = at === '.' ? '' : at.split(dots).join('.');
  const exact = candidates.filter((candidate) => placeOf(candidate) === name);
  const named = exact.length > 0 || name === '' ? exact : candidates.filter((one) => isNamed(placeOf(one), name));
  if (named.length === 1) return named[0]!;
  const which = named.length === 0 ? 'none of these' : `${named.length} of these`;
  throw new UserError(
    `--weights-at ${printable(at)}: ${file.path} holds weights of this network at ${list}${top}, and that names ${which}. ` +
      `Give one of them, or a part of it that only this one has.`,
  );
}

/** @throws UserError that lists what is missing or has other shapes where a file comes closest */
function requireBody<Slot extends Wanted>(
  file: WeightFile,
  body: readonly Slot[],
  nearest: Near<Slot> | undefined,
): never {
  const what = `${file.path} (${file.format})`;
  const hint = file.hint ?? advice;
  if (nearest === undefined) {
    const first = file.tensors[0];
    throw new UserError(
      `${what} holds no weights of this network: none of its tensors (${file.tensors.length}) has a ` +
        `name of torchvision's${first ? `; the first is called ${printable(first.name)}` : ''}. ${hint}`,
    );
  }
  const { tensors, at } = nearest.place();
  requireShapes(file, body, tensors, at.path === '' ? '' : `, at ${printable(at.path)},`, hint);
  throw new Error(`${what} fits after all`);
}

/**
 * @param where told after the file's name
 * @throws UserError that lists the tensors which are missing or have other shapes, with both
 */
export function requireShapes<Slot extends Wanted>(
  file: WeightFile,
  slots: readonly Slot[],
  tensors: ReadonlyMap<Slot, WeightTensor>,
  where = '',
  hint = advice,
): void {
  const problems = slots.flatMap((slot) => {
    const tensor = tensors.get(slot);
    if (!tensor) return [`${slot.name}: not in the file, [${slot.shape}] in the network`];
    return isSameShape(tensor.shape, slot.shape)
      ? []
      : [`${slot.name}: ${printableJson(tensor.shape)} in the file, [${slot.shape}] in the network`];
  });
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'one tensor' : `${problems.length} tensors`;
  throw new UserError(
    `${file.path} (${file.format})${where} does not fit the network in ${count}:\n${listSome(problems)}\n${hint}`,
  );
}

/** A part that may be missing: beside the network, or beside one of the modules around it, nearest first. */
function placePart<Slot extends Wanted>(
  file: WeightFile,
  slots: readonly Slot[],
  { placement, spelling, separator }: Candidate<Slot>,
): Map<Slot, WeightTensor> {
  const ours = nameTree(slots, ({ bare }) => spell(spelling, bare), separator);
  const placer = new Placer<Slot>(file.path, false);
  for (const node of upwards(placement.at)) {
    if (placer.score(ours, node).named > 0) return placer.place(ours, node).tensors;
  }
  return new Map();
}

/**
 * More blocks, or other layers inside of them, make another network of which this one is a part: what it would compute is
 * nothing that anybody has trained.
 *
 * @returns the layers that are too many
 */
function furtherLayers<Slot extends Wanted>({ placement, ours }: Candidate<Slot>, used: ReadonlySet<WeightTensor>) {
  const parts = [...ours.children.keys()].flatMap((part) => [...nodesOf(placement.at.children.get(part)!)]);
  return (
    parts
      .flatMap(({ leaves }) => leaves)
      // Counters and the like that tools leave in modules.
      .filter((tensor) => !used.has(tensor) && countOf(tensor.shape) > 1)
  );
}

/**
 * Finds a network in a file. The names of the whole body have to be there in their shapes, below one place and with nothing
 * but modules' wrappers in between.
 *
 * @param at which place, where there are several: its path, or a part of it
 * @throws UserError naming the file when it holds none, several, or one of which this network is only a part
 */
export function findNetwork<Slot extends Wanted>(
  file: WeightFile,
  { body, last, head }: WantedParts<Slot>,
  at?: string,
): FoundNetwork<Slot> {
  const search = new Search(file, body);
  search.run();
  if (search.candidates.length === 0) requireBody(file, body, search.nearest);
  const found = search.candidates.map((candidate) => {
    const parts = [last, head].flatMap((slots) => [...placePart(file, slots, candidate)]);
    const tensors = new Map([...candidate.placement.tensors, ...parts]);
    return { candidate, tensors, more: furtherLayers(candidate, new Set(tensors.values())) };
  });
  // A network of which this one is a part is none to choose from where this one is there too.
  const whole = found.filter(({ more }) => more.length === 0);
  const candidate = choose(
    file,
    (at === undefined && whole.length > 0 ? whole : found).map(({ candidate: each }) => each),
    at,
  );
  const { tensors, more } = found.find(({ candidate: each }) => each === candidate)!;
  if (more.length > 0) {
    const names = more.map(({ name, shape }) => `${printable(name)} ${printableJson(shape)}`);
    throw new UserError(
      `${file.path} (${file.format}) is of a network that has more layers than this one, ${more.length} tensors of them:\n` +
        `${listSome(names)}\n${advice}`,
    );
  }
  return { at: placeOf(candidate), tensors };
}
