/** Iconify's JSON: drawings by name. https://iconify.design/docs/types/iconify-json.html */
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';

export interface IconSize {
  left?: number;
  top?: number;
  width?: number;
  height?: number;
}

/** The part that is used. */
export interface IconifyJson extends IconSize {
  icons: Record<string, IconSize & { body: string }>;
}

/** Names become folders. */
const name = /^[A-Za-z0-9][\w-]{0,99}$/;

const sides = ['left', 'top', 'width', 'height'] as const;

const hasSize = (value: Record<string, unknown>): boolean =>
  sides.every((side) => value[side] === undefined || Number.isFinite(value[side]));

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws UserError naming `source` and the first icon whose name or drawing is none */
export function parseIcons(text: string, source: string): IconifyJson {
  const fail = (what: string) => new UserError(`${source} holds no icons: ${what}. Remove it and try again.`);
  const json = ((): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  })();
  if (!isObject(json) || !isObject(json['icons']) || !hasSize(json)) throw fail('its icons.json is damaged');
  for (const [key, icon] of Object.entries(json['icons'])) {
    if (!name.test(key)) throw fail(`'${printable(key)}' is no name of an icon`);
    if (!isObject(icon) || typeof icon['body'] !== 'string' || !hasSize(icon)) throw fail(`${key} is no drawing`);
  }
  return json as unknown as IconifyJson;
}
