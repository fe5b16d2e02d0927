/** Between the process that watches and the one that parses. */

export interface Job {
  /** Module that exports `targets`. */
  module: string;
  seed: number;
  /** Number of the next input of each target, by name; in the order of their turns. */
  next: Record<string, number>;
  /** For the targets' files. */
  folder: string;
  /** File of two float64, [place in `targets`, input]: what the parsing process is at, written before it begins. */
  place: string;
}

export interface Tally {
  executions: number;
  read: number;
  refused: number;
  failures: number;
}

export interface Failure {
  target: string;
  /** Number of the input. */
  index: number;
  /** What failures of one kind have in common. */
  signature: string;
  reason: string;
  /** Base64 of the input, made shorter where that was possible. */
  bytes: string;
}

/** From the parsing process. */
export type Report =
  | { kind: 'ready' }
  | {
      kind: 'tally';
      target: string;
      /** Since the last one. */
      tally: Tally;
      /** Bytes of memory, at most, since the process began to parse. */
      growth: number;
    }
  | { kind: 'failure'; failure: Failure };
