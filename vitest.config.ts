import { configDefaults, defineConfig } from 'vitest/config';

/** Of browsers, kills and whole pages of the documentation: minutes each, so that `npm test` leaves them to `npm run bench -- tests`. */
const long = 'test/**/*.long.test.ts';

export default defineConfig(({ mode }) => ({
  test: {
    globalSetup: ['test/global-setup.ts'],
    ...(mode === 'long'
      ? { include: [long] }
      : { include: ['test/**/*.test.ts'], exclude: [...configDefaults.exclude, long] }),
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
}));
