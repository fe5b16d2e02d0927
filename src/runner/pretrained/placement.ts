/**
 * A network's names found among a file's, with whatever wrappers have put in between.
 *
 * A module that wraps another (DataParallel, torch.compile, a checkpoint of activations, a class of one's own) puts parts of its
 * own behind the wrapped one's name: `features.0.weight` becomes `features.module.0.weight`. So a module of the network is
 * looked for at its name and at everything below that; and a module's children are looked for below the one place where
 * it is, so that parts of two networks are never mixed. Only names and shapes that are the network's count: the order of a file
 * says nothing, since a weight and a bias of normalization have the same shape.
 */
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import type { WeightTensor } from '../weights/weight-file.js';
import type { NameNode } from './name-tree.js';
import { nodesOf } from './name-tree.js';

/** A tensor of the network. */
export interface Wanted {
  name: string;
  /** What torchvision calls it. */
  bare: string;
  shape: readonly number[];
}

type OursNode<Slot extends Wanted> = NameNode<Slot>;
type TheirsNode = NameNode<WeightTensor>;

/** How much of a module of the network is below a place of the file. */
export interface Score {
  named: number;
  /** Of those, how many have the network's shape. */
  fitting: number;
}

interface Choice extends Score {
  /** By the part of the name: where the child is in the file. */
  places: Map<string, TheirsNode>;
  /** Two places that are as good as each other and hold all of a module. */
  doubt?: { module: string; places: readonly [TheirsNode, TheirsNode] };
}

/** What a file that means no harm takes is a hundredth of this. */
const MOST_VISITS = 2_000_000;

const NUMBER = /^\d+$/;

export const isSameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

/** Where a network's tensors are in a file. */
export interface Placement<Slot extends Wanted> extends Score {
  /** The place of the network's outermost module. */
  at: TheirsNode;
  tensors: Map<Slot, WeightTensor>;
  /** The places of its modules, the outermost one left out. */
  modules: TheirsNode[];
}

export class Placer<Slot extends Wanted> {
  private readonly choices = new Map<OursNode<Slot>, Map<TheirsNode, Choice>>();
  private readonly sizes = new Map<OursNode<Slot>, number>();
  private visits = 0;

  constructor(
    private readonly path: string,
    /** Whether what lies between may be a number: a part of a sequence is no wrapper around the whole. */
    private readonly numbersBetween = true,
  ) {}

  /** How much of the network is at this very place. */
  score(ours: OursNode<Slot>, theirs: TheirsNode): Score {
    return this.choose(ours, theirs);
  }

  /** @throws UserError when two places hold the same part of the network */
  place(ours: OursNode<Slot>, theirs: TheirsNode): Placement<Slot> {
    const { named, fitting } = this.choose(ours, theirs);
    const tensors = new Map<Slot, WeightTensor>();
    const modules: TheirsNode[] = [];
    this.collect(ours, theirs, tensors, modules);
    return { at: theirs, named, fitting, tensors, modules };
  }

  private collect(
    ours: OursNode<Slot>,
    theirs: TheirsNode,
    tensors: Map<Slot, WeightTensor>,
    modules: TheirsNode[],
  ): void {
    const [slot] = ours.leaves;
    if (slot !== undefined && theirs.leaves.length > 1) {
      throw this.doubt(slot.name, theirs.leaves[0]!.name, theirs.leaves[1]!.name);
    }
    if (slot !== undefined && theirs.leaves.length === 1) tensors.set(slot, theirs.leaves[0]!);
    const { places, doubt } = this.choose(ours, theirs);
    if (doubt !== undefined) throw this.doubt(doubt.module, doubt.places[0].path, doubt.places[1].path);
    for (const [part, place] of places) {
      const child = ours.children.get(part)!;
      if (child.leaves.length === 0) modules.push(place);
      this.collect(child, place, tensors, modules);
    }
  }

  private doubt(what: string, one: string, other: string): UserError {
    return new UserError(
      `${this.path} holds two things for ${what}: ${printable(one)} and ${printable(other)}. Give a file with one of them.`,
    );
  }

  private sizeOf(ours: OursNode<Slot>): number {
    let size = this.sizes.get(ours);
    if (size === undefined) {
      size = ours.leaves.length;
      for (const child of ours.children.values()) size += this.sizeOf(child);
      this.sizes.set(ours, size);
    }
    return size;
  }

  private choose(ours: OursNode<Slot>, theirs: TheirsNode): Choice {
    let known = this.choices.get(ours);
    if (known === undefined) this.choices.set(ours, (known = new Map()));
    let choice = known.get(theirs);
    if (choice === undefined) known.set(theirs, (choice = this.compare(ours, theirs)));
    return choice;
  }

  private compare(ours: OursNode<Slot>, theirs: TheirsNode): Choice {
    this.visit();
    const [slot] = ours.leaves;
    const choice: Choice = { named: 0, fitting: 0, places: new Map() };
    if (slot !== undefined && theirs.leaves.length > 0) {
      choice.named++;
      if (isSameShape(theirs.leaves[0]!.shape, slot.shape)) choice.fitting++;
    }
    for (const [part, child] of ours.children) {
      const place = theirs.children.get(part);
      if (place === undefined) continue;
      const best = this.bestBelow(child, place);
      if (best.score.named === 0) continue;
      choice.named += best.score.named;
      choice.fitting += best.score.fitting;
      choice.places.set(part, best.place);
      choice.doubt ??= best.doubt;
    }
    return choice;
  }

  /** The place of a child: where its name is, or below that, inside of wrappers. */
  private bestBelow(
    child: OursNode<Slot>,
    top: TheirsNode,
  ): { place: TheirsNode; score: Score; doubt?: Choice['doubt'] } {
    const choice = this.choose(child, top);
    let best: { place: TheirsNode; score: Score; doubt?: Choice['doubt'] } = {
      place: top,
      score: choice,
      doubt: choice.doubt,
    };
    // A tensor is no module.
    if (child.children.size === 0) return best;
    const parts = [...child.children.keys()];
    const whole = this.sizeOf(child);
    for (const place of this.inside(top)) {
      this.visit();
      if (place === top || !parts.some((part) => place.children.has(part))) continue;
      const score = this.score(child, place);
      if (score.fitting === whole && best.score.fitting === whole)
        best.doubt ??= { module: child.path, places: [best.place, place] };
      else if (
        score.fitting > best.score.fitting ||
        (score.fitting === best.score.fitting && score.named > best.score.named)
      )
        best = { place, score, doubt: this.choose(child, place).doubt };
    }
    return best;
  }

  private inside(top: TheirsNode): Generator<TheirsNode> {
    const mayLieBetween = (part: string) => this.numbersBetween || !NUMBER.test(part);
    return nodesOf(top, mayLieBetween);
  }

  private visit(): void {
    if (++this.visits > MOST_VISITS) {
      throw new UserError(`${this.path}: its names are nested in too odd a way to tell which are the network's.`);
    }
  }
}
