/** What a report's page draws, as the runner hands it over: JSON inside of the page. */

/** How a series looks: a line, one behind it that is thin and pale, an area, bars, or a dashed line. */
export type Look = 'line' | 'pale' | 'area' | 'bars' | 'dashed';

export interface Series {
  label: string;
  /** One for each of the chart's x; null leaves a gap. */
  values: (number | null)[];
  look: Look;
  /** Place in the page's palette. */
  color: number;
}

export interface Chart {
  x: number[];
  xLabel: string;
  yLabel: string;
  series: Series[];
  /** Vertical lines. */
  marks?: { x: number; label: string }[];
  /** Ends of the axes; from the values unless given. */
  xRange?: [number, number];
  yRange?: [number, number];
  /** Digits behind the point of values in the legend. */
  digits: number;
  /** The y axis is logarithmic. */
  log?: true;
}

export interface MapData {
  /** [points], in [0, 1]. */
  x: number[];
  y: number[];
  /** Names of the files. */
  names: string[];
  /** Places in `classes`. */
  labels: number[];
  classes: string[];
  /** 1 where the nearest image is of the same class, else 0; null where there is no other of the class. */
  found: (0 | 1 | null)[];
  thumbs: {
    /** Height and width of one, in pixels. */
    size: number;
    columns: number;
    rows: number;
    /** Data URLs. */
    sheets: string[];
  };
}

export interface PageData {
  /** By the id of the element that each is drawn into. */
  charts: Record<string, Chart>;
  map?: MapData;
}
