/** How long each part of a search took, and where the model ran. */
import { byId } from './dom.js';
import { deviceNames } from './engine/devices.js';
import type { Loaded } from './engine/protocol.js';
import { duration } from './format.js';

/** Milliseconds. */
export interface Times {
  decode: number;
  embed: number;
  search?: number;
}

const cell = (name: string) => byId(`time-${name}`, HTMLElement);

export function showTimes({ decode, embed, search }: Times): void {
  cell('decode').textContent = duration(decode);
  cell('embed').textContent = duration(embed);
  cell('search').textContent = search === undefined ? '–' : duration(search);
}

export function showDevice({ device, threads }: Loaded): void {
  const detail = device === 'wasm' ? `, ${threads} thread${threads === 1 ? '' : 's'}` : '';
  cell('device').textContent = deviceNames[device] + detail;
}
