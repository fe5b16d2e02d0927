/** The artifacts of a training as files, for other programs that run them. */
import path from 'node:path';
import { buildArtifacts } from '../../graph/artifacts/manifest.js';
import type { TrainingOptions } from '../../graph/options.js';
import { requireLayout, requireStatistics, resolveDropout } from '../options/network.js';
import { requireTrainingOptions } from '../options/rules.js';
import { tooLargeError } from '../compute/too-large.js';
import { ensureWritableFolder, makingFolder, writeFileAtomic } from '../base/files.js';

export interface BuildOptions extends Omit<TrainingOptions, 'dropout'> {
  /** 0.5 in models that have dropout unless given. */
  dropout?: number;
}

/**
 * Writes the ONNX models and, last, `manifest.json`.
 *
 * @returns the files' paths
 * @throws UserError for options that no graph can be built from, and when a file can't be written
 */
export async function buildArtifactFiles(options: BuildOptions, folder: string): Promise<string[]> {
  requireTrainingOptions(options);
  const layout = requireLayout(options);
  requireStatistics(options, layout);
  const training = { ...options, dropout: resolveDropout(options, layout) };
  const artifacts = await buildArtifacts(training).catch((error: unknown) => {
    throw tooLargeError(error, `models for ${options.provider}`) ?? error;
  });
  return makingFolder(folder, async () => {
    await ensureWritableFolder(folder);
    const files: string[] = [];
    for (const { name, bytes } of artifacts) {
      const file = path.join(folder, name);
      await writeFileAtomic(file, bytes);
      files.push(file);
    }
    return files;
  });
}
