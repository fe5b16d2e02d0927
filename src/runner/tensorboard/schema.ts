/**
 * The messages of TensorBoard's event files, from the field numbers of event.proto, summary.proto and histogram.proto. Fields
 * nobody here writes are left out.
 */
import { many, one, Protobuf } from '../../graph/onnx/protobuf.js';

const messages = new Protobuf({
  Event: {
    wallTime: one(1, 'double'),
    step: one(2, 'int64'),
    fileVersion: one(3, 'string'),
    summary: one(5, 'Summary'),
    sessionLog: one(7, 'SessionLog'),
  },
  SessionLog: { status: one(1, 'int32') },
  Summary: { value: many(1, 'Value') },
  Value: {
    tag: one(1, 'string'),
    simpleValue: one(2, 'float'),
    image: one(4, 'Image'),
    histo: one(5, 'HistogramProto'),
  },
  Image: {
    height: one(1, 'int32'),
    width: one(2, 'int32'),
    colorspace: one(3, 'int32'),
    encodedImageString: one(4, 'bytes'),
  },
  HistogramProto: {
    min: one(1, 'double'),
    max: one(2, 'double'),
    num: one(3, 'double'),
    sum: one(4, 'double'),
    sumSquares: one(5, 'double'),
    bucketLimit: many(6, 'double'),
    bucket: many(7, 'double'),
  },
});

export interface Histogram {
  min: number;
  max: number;
  num: number;
  sum: number;
  sumSquares: number;
  /** Upper end of each bucket. */
  bucketLimit: number[];
  /** Values in each. */
  bucket: number[];
}

export interface Image {
  height: number;
  width: number;
  /** 3 for RGB. */
  colorspace: number;
  /** PNG. */
  encodedImageString: Uint8Array;
}

/** One tag's value at a step: one of the three. */
export interface SummaryValue {
  tag: string;
  simpleValue?: number;
  image?: Image;
  histo?: Histogram;
}

/** `SessionLog.START`: what other files tell of this step and later ones does not count any more. */
export const sessionStart = 1;

export interface Event {
  /** Seconds since 1970. */
  wallTime: number;
  step?: number;
  fileVersion?: string;
  summary?: { value: SummaryValue[] };
  sessionLog?: { status: number };
}

export const encodeEvent = (event: Event): Uint8Array => messages.encode('Event', event);
