/** A report is made to be mailed: what is read there names files, and not where on somebody's machine they lie. */
import os from 'node:os';
import path from 'node:path';

/** An absolute path's folders, where text begins with it or something that stands before paths in messages does. */
const unixFolders = /(^|[\s'"(=:,[])\/(?:[^\s/'"(),:;]+\/)+/g;
const windowsFolders = /(^|[\s'"(=,[])[A-Za-z]:(?:\\{1,2}[^\s\\'"(),:;]+)*\\{1,2}/g;

/**
 * @param known folders and files whose last names alone are to stay, blanks in what is before them included
 * @returns the text with `…/` in place of other absolute paths' folders
 */
export function withoutFolders(text: string, known: readonly string[] = []): string {
  const folders = [...known.map((one) => path.dirname(path.resolve(one))), process.cwd(), os.homedir()]
    .filter((folder) => folder !== path.parse(folder).root)
    .sort((a, b) => b.length - a.length);
  const short = folders.reduce((rest, folder) => rest.replaceAll(folder + path.sep, ''), text);
  return short.replace(unixFolders, '$1…/').replace(windowsFolders, '$1…\\');
}
