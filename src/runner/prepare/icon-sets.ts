/** Emoji drawn by eight hands: packages that hold one drawing of each under a common name, and what they may be used for. */
import type { PinnedPackage } from './packages.js';

export interface IconSet extends PinnedPackage {
  /** Short name; the drawing's file name. */
  set: string;
  title: string;
  author: string;
  /** Where the drawings come from. */
  source: string;
  /** SPDX identifier. */
  license: string;
  licenseUrl: string;
}

const CC_BY = { license: 'CC-BY-4.0', licenseUrl: 'https://creativecommons.org/licenses/by/4.0/' };
const CC_BY_SA = { license: 'CC-BY-SA-4.0', licenseUrl: 'https://creativecommons.org/licenses/by-sa/4.0/' };

const NOTO = {
  author: 'Google Inc',
  source: 'https://github.com/googlefonts/noto-emoji',
  license: 'Apache-2.0',
  licenseUrl: 'https://github.com/googlefonts/noto-emoji/blob/main/svg/LICENSE',
};
const FLUENT = {
  author: 'Microsoft Corporation',
  source: 'https://github.com/microsoft/fluentui-emoji',
  license: 'MIT',
  licenseUrl: 'https://github.com/microsoft/fluentui-emoji/blob/main/LICENSE',
};

export const iconSets: readonly IconSet[] = [
  {
    set: 'noto',
    title: 'Noto Emoji',
    ...NOTO,
    name: '@iconify-json/noto',
    version: '1.2.9',
    integrity: 'sha512-DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==',
  },
  {
    set: 'noto-v1',
    title: 'Noto Emoji (v1)',
    ...NOTO,
    name: '@iconify-json/noto-v1',
    version: '1.2.5',
    integrity: 'sha512-/DsVMius69Q0fRS53z7QK1TROSuar606jiIx+laXtdsYGMXpf6LtHBx6CGfoo3UHHb/XpBsw+1L1x3eyPqMuVA==',
  },
  {
    set: 'twemoji',
    title: 'Twitter Emoji',
    author: 'Twitter',
    source: 'https://github.com/jdecked/twemoji',
    ...CC_BY,
    name: '@iconify-json/twemoji',
    version: '1.2.5',
    integrity: 'sha512-uKpuIEV0v6K5BW3Mjdyl+XKFVAbbcPxAgifKvEMtZoUZB5+YiY5zaMm2uNNCxyXzAWU9yNLlj41WU6/mvgALsw==',
  },
  {
    set: 'openmoji',
    title: 'OpenMoji',
    author: 'OpenMoji',
    source: 'https://github.com/hfg-gmuend/openmoji',
    ...CC_BY_SA,
    name: '@iconify-json/openmoji',
    version: '1.2.29',
    integrity: 'sha512-vXdhkqcXVSO6suy+m9LbcUM3OdVyuNOtpV8/als/WqfkQIRxevL5Geb/g+6GH/Qwnq1OqksEmaDGTCmZ5nFKJQ==',
  },
  {
    set: 'fluent-emoji',
    title: 'Fluent Emoji',
    ...FLUENT,
    name: '@iconify-json/fluent-emoji',
    version: '1.2.7',
    integrity: 'sha512-D8G6bKAyIsyxP1rzZtIWr/gg/fO4Rg1+DyCWlfqKK4h8W+4Em/Y0P6QYgJUQTlUcagzJvSyg+9OBv4hz4Hc/QA==',
  },
  {
    set: 'fluent-emoji-flat',
    title: 'Fluent Emoji Flat',
    ...FLUENT,
    name: '@iconify-json/fluent-emoji-flat',
    version: '1.2.6',
    integrity: 'sha512-RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==',
  },
  {
    set: 'emojione',
    title: 'Emoji One (Colored)',
    author: 'Emoji One',
    source: 'https://github.com/EmojiTwo/emojitwo',
    ...CC_BY,
    name: '@iconify-json/emojione',
    version: '1.2.3',
    integrity: 'sha512-T9+T3HIbJNLKKsmxYKlaYhvnHYkz/HNYTV7SHCXVZPfeUi4FqskY70YeN8yYAZT8cCv7w5vJxS4Q1m8zb9CMMg==',
  },
  {
    set: 'emojione-v1',
    title: 'Emoji One (v1)',
    author: 'Emoji One',
    source: 'https://github.com/joypixels/emojione-legacy',
    ...CC_BY_SA,
    name: '@iconify-json/emojione-v1',
    version: '1.2.3',
    integrity: 'sha512-UjI2VQEXVtGlPBvQuxEizro7QCgBcJDOYwKUupquvvZ8UV4xOlvm45IU82JYWegiAWLerY79gFLMZ26U6Ms+ww==',
  },
];
