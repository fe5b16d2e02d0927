/** The facts of a machine by their names. Apart from what finds them out: comparing records takes neither ONNX Runtime nor sharp. */
interface FactRow {
  /** For people. */
  label: string;
  /** Whether another value may change a bit. */
  decides: boolean;
}

export const factTable = {
  dws: { label: 'dws', decides: true },
  onnxruntime: { label: 'ONNX Runtime', decides: true },
  sharp: { label: 'sharp', decides: true },
  libvips: { label: 'libvips', decides: true },
  node: { label: 'Node.js', decides: true },
  system: { label: 'system', decides: true },
  libc: { label: 'C library', decides: true },
  device: { label: 'device', decides: true },
  cpuFeatures: { label: 'CPU features', decides: true },
  cpu: { label: 'CPU', decides: false },
} satisfies Record<string, FactRow>;

export type FactName = keyof typeof factTable;

/** One line of text each. */
export type Facts = Record<FactName, string>;
