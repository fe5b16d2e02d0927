import { expect, it } from 'vitest';
import { operatorsPage } from '../../../scripts/docs-operators.js';

it('docs/operators.md shows the table as it is', () => {
  const { found, wanted } = operatorsPage();
  expect(found === wanted, 'docs/operators.md is older than src/graph/operators: npm run docs:operators').toBe(true);
});
