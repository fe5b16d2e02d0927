export function valuesOf(rank: number, length: number): Float32Array;
