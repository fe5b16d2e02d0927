/** What embeddings are written as, by the endings of files. Apart from what writes them, whose packages no list needs. */
export const embeddingFormats = ['npy', 'csv', 'jsonl', 'parquet'] as const;

export type EmbeddingFormat = (typeof embeddingFormats)[number];
