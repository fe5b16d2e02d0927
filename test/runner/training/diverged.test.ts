/** What is said of a training whose numbers are not finite any more. */
import { expect, it } from 'vitest';
import type { PartKind } from '../../../src/runner/modules/kinds.js';
import { partKinds } from '../../../src/runner/modules/kinds.js';
import type { TrainingPlan } from '../../../src/runner/options/plan.js';
import { DivergedError } from '../../../src/runner/training/diverged.js';

const schedule = { lr: 0.01, seed: 3 } as TrainingPlan['schedule'];
const said = (...kinds: PartKind[]) => {
  const own = kinds.map((kind) => ({ kind, path: `/own/${kind}.mjs` }));
  return new DivergedError('the loss of step 2 is NaN', schedule, { beta: 0.1 }, undefined, own).message;
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
