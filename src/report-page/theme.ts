/** The page's colors for canvases: those of the style sheet as they are now. */

export interface Theme {
  text: string;
  soft: string;
  line: string;
  surface: string;
  /** Of series, in order. */
  palette: string[];
  font: string;
}

export function currentTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string) => style.getPropertyValue(name).trim();
  const palette = [0, 1, 2, 3, 4].map((place) => value(`--series-${place}`));
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return {
    ...{ text: value('--text'), soft: value('--soft'), line: value('--line'), surface: value('--surface') },
    ...{ palette, font },
  };
}

/** Calls back when the colors or the paper change. Paper is light, whatever the screen is. */
export function onTheme(changed: () => void): void {
  const { dataset } = document.documentElement;
  const print = (isPrinting: boolean) => {
    if (isPrinting) dataset['paper'] = 'yes';
    else delete dataset['paper'];
    changed();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  addEventListener('beforeprint', () => print(true));
  addEventListener('afterprint', () => print(false));
}

/** A color with less of it. */
export const pale = (color: string, share: number): string =>
  `color-mix(in srgb, ${color} ${Math.round(100 * share)}%, transparent)`;
