/** What the page and its service worker call what they keep. */

/** Folder of the page in which the service worker has models, each below a name of its own: `kept/KEY/`. No server has it. */
export const keptFolder = 'kept/';

/** In a model's cache once all of it is there. */
export const wholeFile = 'whole';

/** Caches belong to a whole server, which may have several such pages: at other paths, or below this one's. */
export const cachePrefix = (scope: string): string => `dws ${new URL(scope).pathname} `;

/** Of the files of one build, and ONNX Runtime's of its version. */
export const pagePrefix = (scope: string): string => `${cachePrefix(scope)}page `;

/** Of models, by what `versionOf` calls them. */
export const modelPrefix = (scope: string): string => `${cachePrefix(scope)}model `;
