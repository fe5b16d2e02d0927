import { expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { parseIcons } from '../../../src/runner/prepare/icon-json.js';

const parse = (icons: unknown) => parseIcons(JSON.stringify({ icons, width: 24 }), 'set.tgz');
const bee = { body: '<g/>', left: 1 };

it('drawings are read with their sizes', () => {
  expect(parse({ bee, 'Dog-2': { body: '' } })).toEqual({ icons: { bee, 'Dog-2': { body: '' } }, width: 24 });
});

it.each([...['../bee', 'a/b', 'a\\b', '..', '.', '', '.bee', 'C:bee', 'bee\n', `b${'e'.repeat(100)}`]])(
  '%j is no name of an icon: it becomes a folder',
  (name) => {
    expect(() => parse({ [name]: bee })).toThrow(UserError);
    expect(() => parse({ [name]: bee })).toThrow(/^set\.tgz holds no icons: '.*' is no name of an icon\. Remove it/);
  },
);

it.each([null, [], {}, { body: 3 }, { ...bee, width: '24' }, { ...bee, left: null }])('%j is no drawing', (icon) => {
  expect(() => parse({ bee: icon })).toThrow('set.tgz holds no icons: bee is no drawing');
});

it.each(['', 'null', '[]', '{}', '{"icons":[]}', '{"icons":{},"width":"a"}', '{"icons":'])('%j is damaged', (text) => {
  expect(() => parseIcons(text, 'set.tgz')).toThrow('set.tgz holds no icons: its icons.json is damaged');
});
