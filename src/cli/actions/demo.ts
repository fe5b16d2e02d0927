/** `dws demo`. */
import type { DemoOptions } from '../../runner/shipping/demo-server.js';
import { serveDemo } from '../../runner/shipping/demo-server.js';
import { terminal } from '../terminal.js';

export async function demo(folder: string, values: DemoOptions): Promise<void> {
  const { url, outwardUrls, hasGallery } = await serveDemo(folder, values);
  if (!hasGallery) terminal.print(`${folder} has no gallery to search: make one with dws gallery`);
  terminal.print(`serving ${folder} at ${url} (Ctrl-C ends)`);
  if (outwardUrls.length > 0) terminal.print(`from other machines, a phone say: ${outwardUrls.join(' ')}`);
}
