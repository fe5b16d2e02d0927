/** What is said of a training whose numbers are not finite any more. */
import { expect, it } from 'vitest';
import type { PartKind } from '../../../src/runner/modules/kinds.js';
import { partKinds } from '../../../src/runner/modules/kinds.js';
import type { TrainingPlan } from '../../../src/runner/options/plan.js';
import { deadEnd, DivergedError } from '../../../src/runner/training/diverged.js';

const schedule = { lr: 0.01, seed: 3 } as TrainingPlan['schedule'];
const said = (...kinds: PartKind[]) => {
  const own = kinds.map((kind) => ({ kind, path: `/own/${kind}.mjs` }));
  return new DivergedError('the loss of step 2 is NaN', schedule, { beta: 0.1 }, {}, own).message;
};

it.each(partKinds)('a module that brings the %s is named as a possible cause', (kind) => {
  expect(said(kind)).toContain(`of one's own may be the cause as well, /own/${kind}.mjs: `);
});

it('each module is named, and none where there is none', () => {
  expect(said('loss', 'optimizer')).toMatch(
    /cause as well, \/own\/loss\.mjs: .*cause as well, \/own\/optimizer\.mjs: /,
  );
  expect(said()).toMatch(/Try a lower --lr \(now 0\.01\) or --lr-beta \(now 0\.1\), .* another --seed \(now 3\)\.$/);
});

it('a checkpoint is called good where a step was taken from it, and else the best one is named that is older', () => {
  const about = (isProven: boolean, step: number) => {
    const best = { path: '/run/best', step, recall: 0.5 };
    const saved = { path: '/run/last', step: 6, isProven };
    return new DivergedError('the loss of step 8 is NaN', schedule, {}, { saved, best }).message;
  };
  expect(about(true, 4)).toContain('diverged. The last good checkpoint is kept: /run/last (step 6). Try');
  const doubtful = 'The last checkpoint is /run/last (step 6), from which no step was taken: it may be no good.';
  expect(about(false, 4)).toContain(`${doubtful} The best one is of before: /run/best (step 4, Recall@1 0.5000). Try`);
  expect(about(false, 6)).toContain(`${doubtful} Try`);
});

it('a training that ends with steps that are left out says since when its network is the same', () => {
  const best = { path: '/run/best', step: 4, recall: 0.5 };
  const end = { step: 9, leftOut: { overflow: 1, notFinite: 2 }, isAnyTaken: true, lr: 10 };
  expect(deadEnd(end, { path: '/run/last', step: 9, isProven: false }, best)).toBe(
    'the last 3 steps were left out: loss or gradient was not finite. The network is as after step 6, in /run/last too, and nothing ' +
      'shows that it still learns. The best one is of before: /run/best (step 4, Recall@1 0.5000). Try a lower --lr (now 10).',
  );
  expect(deadEnd({ ...end, leftOut: { overflow: 0, notFinite: 1 } }, undefined, undefined)).toMatch(
    /^the last step was left out/,
  );
  expect(deadEnd({ ...end, leftOut: { overflow: 9, notFinite: 0 }, isAnyTaken: false }, undefined, undefined)).toMatch(
    /^no step was taken: gradients overflowed float16\. .* Try more steps: /,
  );
});
