/**
 * Runs what the graphs say: data, training, evaluation, checkpoints, export. For Node.js, on onnxruntime-node.
 *
 * @packageDocumentation
 */
export { buildArtifactFiles } from './shipping/build.js';
export type { Checkpoint, CheckpointMetadata, LeftOut, NamedShape } from './checkpoints/checkpoint.js';
export type { CheckpointContent } from './checkpoints/checkpoint.js';
export { loadCheckpoint, saveCheckpoint } from './checkpoints/checkpoint.js';
export type { UsedImages } from './data/check.js';
export type { ImageRole, ImageSet, Refuse, Split } from './data/folder.js';
export { openImageFolder } from './data/folder.js';
export type { BadImage, ImageLoaderOptions } from './data/loader.js';
export type { PassedOver } from './data/passed-over.js';
export { ImageLoader } from './data/loader.js';
export { openData } from './data-sets/open-data.js';
export type { Survey, SurveyOptions } from './survey/survey.js';
export { surveyData } from './survey/survey.js';
export type { Embeddings, EmbedOptions } from './evaluation/embed.js';
export { embedImages } from './evaluation/embed.js';
export { UserError } from './base/errors.js';
export type { EvalHooks, EvalStage, EvaluateOptions, Evaluation } from './evaluation/evaluate.js';
export { evaluate } from './evaluation/evaluate.js';
export type { ExportedModel, ExportOptions } from './shipping/export.js';
export type { ModuleSource } from './modules/kinds.js';
export { exportModel } from './shipping/export.js';
export type { GalleryHooks, GalleryOptions, GalleryStage, MadeGallery } from './shipping/gallery.js';
export { makeGallery } from './shipping/gallery.js';
export type { EvalMetrics, Metrics, StepMetrics } from './training/metrics-file.js';
export { readMetrics } from './training/metrics-file.js';
export { encodeNpy } from './formats/npy.js';
export { checkDevice, openSession } from './compute/session.js';
export type { ApplyOptions, PretrainedReport } from './pretrained/apply.js';
export { applyWeights } from './pretrained/apply.js';
export type { Change } from './reproduce/changes.js';
export type { ComparedCheckpoint, RunDifference } from './reproduce/diff.js';
export { diffRuns } from './reproduce/diff.js';
export type { RecordedRun, RunRecord } from './reproduce/record.js';
export { openRun } from './reproduce/record.js';
export type { Verification, VerifyHooks, VerifyOptions } from './reproduce/verify.js';
export { verifyRun } from './reproduce/verify.js';
export { makeReport } from './report/report.js';
export type { MadeReport, ReportHooks, ReportOptions, ReportStage } from './report/report-options.js';
export type { SearchHooks } from './evaluation/neighbors.js';
export type { Recall } from './evaluation/retrieval-metrics.js';
export { recallAtK, recallKs } from './evaluation/recall.js';
export type {
  CacheMode,
  DeviceOptions,
  ImageOptions,
  PretrainedSource,
  ResizeMode,
  RunOptions,
  SmallClasses,
  Tf32,
} from './options/run-options.js';
export { learningRateAt } from './training/schedule.js';
export type { WebExport, WebExportHooks, WebExportOptions, WebExportStage } from './shipping/web-export.js';
export { exportWeb } from './shipping/web-export.js';
export { openWeights } from './weights/open-weights.js';
export type { WeightFile, WeightTensor } from './weights/weight-file.js';
export type { TrainEvent, TrainHooks, TrainResult } from './training/events.js';
export type { TrainOptions } from './options/train-options.js';
export type { PackedData, PackHooks, PackOptions } from './jobs/pack-data.js';
export { packData } from './jobs/pack-data.js';
export { train } from './jobs/train.js';
export type { TrainingForecast } from './jobs/plan-training.js';
export { planTraining } from './jobs/plan-training.js';
