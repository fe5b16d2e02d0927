/** One end of the watch, as the watcher drives it. */

export interface WatchEvents {
  /** All ranks have come. @param hosts of each, by rank */
  all(hosts: string[]): void;
  /** The communication is at its end. Only the first reason counts. */
  gone(why: string): void;
  /** This rank has taken its leave. */
  left(): void;
}

export interface Watched {
  /** Several times within the timeout. */
  tick(): void;
  /** This rank can't go on. */
  fail(why: string): void;
  /** This rank is done, as all others are. */
  bye(): void;
}
