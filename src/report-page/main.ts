/** The page of a report: draws into what the runner has laid out. */
import 'uplot/dist/uPlot.min.css';
import './style/page.css';
import type { PageData } from './data.js';
import { drawChart } from './chart.js';
import { drawMap } from './map.js';
import { onTheme } from './theme.js';

const data = JSON.parse(document.getElementById('data')!.textContent) as PageData;
const placeOf = (id: string) => document.getElementById(id)!;

const drawn = Object.entries(data.charts).map(([id, chart]) => drawChart(placeOf(id), chart));
if (data.map) drawn.push(drawMap(placeOf('map'), data.map));
onTheme(() => {
  for (const one of drawn) one.redraw();
});
