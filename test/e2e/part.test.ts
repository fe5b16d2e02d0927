/** Ranges out of what the page has kept. */
import { describe, expect, it } from 'vitest';
import { part } from '../../examples/web/src/offline/part.js';

const whole = () => new Response('0123456789', { headers: { 'Content-Type': 'text/x-test' } });
const get = async (range: string) => {
  const { status, headers, ...response } = await part(whole(), range).then(async (answer) => ({
    status: answer.status,
    headers: answer.headers,
    body: await answer.text(),
  }));
  return { status, body: response.body, range: headers.get('content-range'), type: headers.get('content-type') };
};
const type = 'text/x-test';

describe('part', () => {
  it.each([
    ['bytes=2-4', { status: 206, body: '234', range: 'bytes 2-4/10', type }],
    ['bytes=0-0', { status: 206, body: '0', range: 'bytes 0-0/10', type }],
    ['bytes=8-99', { status: 206, body: '89', range: 'bytes 8-9/10', type }],
    ['bytes=10-11', { status: 416, body: '', range: 'bytes */10', type }],
  ])('%s', async (range, expected) => {
    expect(await get(range)).toEqual(expected);
  });

  it.each(['bytes=4-2', 'bytes=-3', 'bytes=1-', 'bytes=0-1,3-4', 'lines=1-2', ''])(
    '"%s" gets the whole',
    async (range) => {
      expect(await get(range)).toEqual({ status: 200, body: '0123456789', range: null, type });
    },
  );
});
