/** Ranks within one process, each of which calls as a process of its own would. */
import { UserError } from '../../src/runner/base/errors.js';
import type { Ranks } from '../../src/runner/compute/ranks.js';

export function simulatedRanks(size: number): Ranks[] {
  const rounds: { given: unknown[]; left: number; all: Promise<unknown[]>; resolve: (all: unknown[]) => void }[] = [];
  const round = (number: number) => {
    if (!rounds[number]) {
      let resolve!: (all: unknown[]) => void;
      const all = new Promise<unknown[]>((settle) => (resolve = settle));
      rounds[number] = { given: [], left: size, all, resolve };
    }
    return rounds[number];
  };
  return Array.from({ length: size }, (_, rank) => {
    let calls = 0;
    const together = <T>(value: T): Promise<T[]> => {
      const call = round(calls++);
      call.given[rank] = value;
      if (--call.left === 0) call.resolve(call.given);
      return call.all as Promise<T[]>;
    };
    const gather = async (mine: Float32Array<ArrayBuffer>) =>
      Float32Array.from((await together(mine)).flatMap((one) => [...one]));
    return {
      ...{ rank, size, among: { rank, size, gather }, exchange: together, worked: () => undefined },
      anyOf: async (flag) => (await together(flag)).includes(true),
      requireSame: async (facts) => {
        const [first, ...others] = await together(JSON.stringify(facts));
        const other = others.findIndex((text) => text !== first);
        if (other >= 0) throw new UserError(`rank ${other + 1} has other facts`);
      },
      leave: async () => void (await together(null)),
    };
  });
}
