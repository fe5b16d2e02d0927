/** Elements of index.html, and new ones. */

/** @throws Error when index.html has no element of that id and kind: a mistake in the page itself */
export function byId<T extends Element>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`index.html has no ${kind.name} #${id}`);
}

interface Content {
  class?: string;
  text?: string;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  content: Content = {},
  ...children: Node[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (content.class !== undefined) element.className = content.class;
  if (content.text !== undefined) element.textContent = content.text;
  element.append(...children);
  return element;
}
