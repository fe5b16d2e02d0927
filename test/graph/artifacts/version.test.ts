/** A version stands for the bytes of its graphs: `dws verify` names it when numbers may be others. */
import { describe, expect, it } from 'vitest';
import type { Hashes } from '../../../bench/hashes/models.js';
import { hashModels } from '../../../bench/hashes/models.js';
import { changedModels, listNames, readRecorded, renewed } from '../../../bench/hashes/renew.js';
import { packageJson } from '../../../src/runner/base/package-json.js';

const { version } = packageJson();

describe('the models of this version', () => {
  const recorded = readRecorded();

  it('are recorded under its name', () => {
    expect(
      recorded.version,
      'The version was raised: record what it builds with npm run hashes, and commit test/golden/artifact-hashes.json.',
    ).toBe(version);
  });

  it('are, byte for byte, those that are recorded', () => {
    const changed = changedModels(recorded.hashes, hashModels());
    expect(
      changed,
      `${listNames(changed)}: not the bytes of version ${recorded.version}. If that is meant, raise the version in package.json ` +
        '(npm version --no-git-tag-version minor), add a line to CHANGELOG.md, and renew test/golden/artifact-hashes.json with ' +
        'npm run hashes.',
    ).toEqual([]);
  });
});

describe('recorded hashes are renewed', () => {
  const recorded = { version: '1.2.0', hashes: { a: '1', b: '2' } };

  it('for a later version, whether its models are others or not', () => {
    expect(renewed(recorded, '1.3.0', { a: '1', c: '3' })).toEqual({ version: '1.3.0', hashes: { a: '1', c: '3' } });
    expect(renewed(recorded, '1.2.1', recorded.hashes)).toEqual({ ...recorded, version: '1.2.1' });
  });

  it('for the same version only with new ones', () => {
    expect(renewed(recorded, '1.2.0', recorded.hashes)).toEqual(recorded);
    const more = { ...recorded.hashes, c: '3' };
    expect(renewed(recorded, '1.2.0', more)).toEqual({ version: '1.2.0', hashes: more });
  });

  it('not for the same version with other or lost models, nor for an earlier one', () => {
    const others: Hashes[] = [{ a: '1', b: '3' }, { a: '1' }];
    for (const now of others)
      expect(() => renewed(recorded, '1.2.0', now)).toThrow(/^version 1\.2\.0 has built other models: b\. Raise/);
    expect(() => renewed(recorded, '1.1.9', recorded.hashes)).toThrow('models of 1.2.0 are recorded already');
  });
});
