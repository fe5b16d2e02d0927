import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html, inlineJson } from '../../../src/runner/report/html.js';

describe('html', () => {
  it('takes values for text, and what it made itself for HTML', () => {
    const name = `<b title="x">'&'</b>`;
    expect(html`<p title="${name}">${html`<i>${name}</i>`}${[1, html`<i></i>`]}</p>`.text).toBe(
      '<p title="&lt;b title=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/b&gt;"><i>&lt;b title=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/b&gt;</i>1<i></i></p>',
    );
  });

  it('leaves out what is not there', () => {
    expect(html`a${undefined}b${false}c${''}${0}`.text).toBe('abc0');
  });
});

describe('inlineJson', () => {
  it('has nothing that ends a script or begins a comment, and gives the value back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('</script>', '<!--', ']]>', '\u2028', '&', '"', '\\', '😀', 'a')),
        (parts) => {
          const value = { name: parts.join('') };
          const { text } = inlineJson(value);
          expect(text).not.toMatch(/[<>&\u2028\u2029]/);
          expect(JSON.parse(text)).toEqual(value);
        },
      ),
    );
  });
});
