/**
 * Customization hooks of Node.js's module loader: `import 'dws/graph'` in a module of the user's is the running copy, whatever
 * folder it lies in. Runs in the loader's own thread.
 */
interface Resolved {
  url: string;
  shortCircuit?: boolean;
}

type Next = (specifier: string, context: unknown) => Resolved | Promise<Resolved>;

/** The package's exports that a module may import, relative to this file in `dist/runner/modules`. */
const copies: Readonly<Record<string, string>> = {
  dws: '../../index.js',
  'dws/graph': '../../graph/index.js',
  'dws/runner': '../index.js',
};

/** What the address of a module ends in: its fingerprint. */
const fingerprint = /\?dws=[0-9a-f]+$/;

export async function resolve(specifier: string, context: { parentURL?: string }, next: Next): Promise<Resolved> {
  const copy = Object.hasOwn(copies, specifier) ? copies[specifier] : undefined;
  if (copy === undefined) {
    const found = await next(specifier, context);
    // What a module imports by its path is part of it: where that has changed, it is another file for Node.js too.
    const [mark] = fingerprint.exec(context.parentURL ?? '') ?? [];
    const isPart = mark !== undefined && /^(\.{0,2}\/|file:)/.test(specifier) && found.url.startsWith('file:');
    return isPart && !/[?#]/.test(found.url) ? { ...found, url: found.url + mark } : found;
  }
  return { url: new URL(copy, import.meta.url).href, shortCircuit: true };
}
