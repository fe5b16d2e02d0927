import { describe, expect, it } from 'vitest';
import { nodeComplaint } from '../../../src/runner/base/node-version.js';

describe('a version of Node.js', () => {
  it.each(['20.19.0', '22.0.0', '23.11.1', '26.10.0', '27.0.0-nightly20261101', process.versions.node])(
    '%s will do',
    (version) => expect(nodeComplaint(version)).toBeUndefined(),
  );

  it.each(['16.20.2', '18.20.8', '20.9.0', '20.18.3'])('%s will not', (version) =>
    expect(nodeComplaint(version)).toMatch(
      `is needed, and this is ${version}. Get a newer one from https://nodejs.org`,
    ),
  );
});
