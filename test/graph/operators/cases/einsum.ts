/** Cases of sums of products: as exporters write them, and drawn letter by letter. */
import type { Draw, Generate } from './draw.js';

const written = [
  'bhid,bhjd->bhij',
  'bhij,bhjd->bhid',
  'bij,bjk->bik',
  'bij, jk -> bik',
  'i,j->ij',
  'i,i',
  'ij->ji',
  'ij',
  'ij->',
  'ij->i',
  'bc,bchw->bhw',
  'nchw,kc->nkhw',
  'bn,anm,bm->ba',
  '...ij,...jk->...ik',
  '...i,ij->...j',
  'b...,...c->bc...',
  '...,...',
];

const tensorsOf = (draw: Draw, terms: string[]) => {
  const sizes = new Map<string, number>();
  const hidden = [draw.int(1, 2), draw.int(1, 3)].slice(0, draw.int(0, 2));
  return terms.map((term) => {
    const [front, behind] = term.split('...');
    const own = (letters: string) =>
      [...letters].map((letter) => {
        if (!sizes.has(letter)) sizes.set(letter, draw.int(1, 3));
        return sizes.get(letter)!;
      });
    const between = behind === undefined ? [] : hidden.map((dim) => (draw.maybe(0.3) ? 1 : dim));
    return draw.tensor([...own(front!), ...between, ...own(behind ?? '')]);
  });
};

const einsum: Generate = (draw) => {
  if (draw.maybe(0.6)) {
    const equation = draw.pick(written);
    const terms = equation.replaceAll(' ', '').split('->')[0]!.split(',');
    return { inputs: tensorsOf(draw, terms), attributes: { equation } };
  }
  const some = (from: string[], most: number) =>
    draw
      .choose(from.length, draw.int(1, Math.min(most, from.length)))
      .map((i) => from[i]!)
      .join('');
  const terms = Array.from({ length: draw.int(1, 3) }, () => some([...'abcdE'], 3));
  const output = draw.maybe(0.2) ? '' : some([...new Set(terms.join(''))], 4);
  return { inputs: tensorsOf(draw, terms), attributes: { equation: `${terms.join()}->${output}` } };
};

export const einsums = { Einsum: einsum } satisfies Record<string, Generate>;
