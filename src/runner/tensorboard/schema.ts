/**
 * The messages of TensorBoard's event files, from the field numbers of event.proto, summary.proto and histogram.proto. Fields
 * nobody here writes are left out.
 */
import protobuf from 'protobufjs/light.js';

const field = (id: number, type: string, rule?: 'repeated') => ({ id, type, ...(rule && { rule }) });
const many = (id: number, type: string) => field(id, type, 'repeated');

const messages = {
  Event: {
    wallTime: field(1, 'double'),
    step: field(2, 'int64'),
    fileVersion: field(3, 'string'),
    summary: field(5, 'Summary'),
    sessionLog: field(7, 'SessionLog'),
  },
  SessionLog: { status: field(1, 'int32') },
  Summary: { value: many(1, 'Value') },
  Value: {
    tag: field(1, 'string'),
    simpleValue: field(2, 'float'),
    image: field(4, 'Image'),
    histo: field(5, 'HistogramProto'),
  },
  Image: {
    height: field(1, 'int32'),
    width: field(2, 'int32'),
    colorspace: field(3, 'int32'),
    encodedImageString: field(4, 'bytes'),
  },
  HistogramProto: {
    min: field(1, 'double'),
    max: field(2, 'double'),
    num: field(3, 'double'),
    sum: field(4, 'double'),
    sumSquares: field(5, 'double'),
    bucketLimit: many(6, 'double'),
    bucket: many(7, 'double'),
  },
};

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(Object.entries(messages).map(([name, fields]) => [name, { fields }])),
});

const EventMessage = root.lookupType('Event');

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

export const encodeEvent = (event: Event): Uint8Array => EventMessage.encode(EventMessage.fromObject(event)).finish();
