import { formatNumber } from './format-number.ts';
import type { Chart } from './result.ts';
import { type Scale, linearScale, logScale } from './scales.ts';

const WIDTH = 640;
const HEIGHT = 360;
const PLOT = { left: 70, right: 610, top: 60, bottom: 300 } as const;
/** The names of series stand below the title. */
const LEGEND = { y: 46, step: 180 } as const;

/** Readable on light and on dark ground, whichever the reader has. */
const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600; font-size: 15px }
    .grid { stroke: #d0d7de }
    .line { fill: none; stroke-width: 2 }
    .series-0 { stroke: #0969da } .point-0 { fill: #0969da }
    .series-1 { stroke: #bc4c00; stroke-dasharray: 6 4 } .point-1 { fill: #bc4c00 }
    .series-2 { stroke: #1a7f37 } .point-2 { fill: #1a7f37 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .grid { stroke: #3d444d }
      .series-0 { stroke: #58a6ff } .point-0 { fill: #58a6ff }
      .series-1 { stroke: #f0883e } .point-1 { fill: #f0883e }
      .series-2 { stroke: #3fb950 } .point-2 { fill: #3fb950 }
    }`;

/** A line chart as SVG: sizes on a logarithmic axis to the right, figures from 0 upwards. */
export function formatChart({ title, xLabel, yLabel, series }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const x = logScale(points.map((point) => point.x));
  const y = linearScale(points.map((point) => point.y));
  const parts = [
    `<title>${escape(title)}</title>`,
    `<style>${STYLE}\n  </style>`,
    text(PLOT.left, 26, title, 'class="title"'),
    ...series.map((one, index) => formatLegend(one.name, index)),
    ...y.ticks.map((tick) => formatRow(tick, y)),
    ...x.ticks.map((tick) => formatColumn(tick, x)),
    ...series.map((one, index) => formatSeries(one.points, index, x, y)),
    text((PLOT.left + PLOT.right) / 2, HEIGHT - 14, xLabel, 'text-anchor="middle"'),
    text(0, 0, yLabel, `text-anchor="middle" transform="translate(18 ${middleY()}) rotate(-90)"`),
  ];
  const size = `width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"`;
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`;
  return `${[open, ...parts.map((part) => `  ${part}`)].join('\n')}\n</svg>\n`;
}

function formatLegend(name: string, index: number): string {
  const left = PLOT.left + index * LEGEND.step;
  const y = LEGEND.y - 4;
  const line = `<path class="line series-${index}" d="M${left} ${y}h24"/>`;
  return line + text(left + 30, LEGEND.y, name, '');
}

function formatRow(value: number, scale: Scale): string {
  const y = toY(value, scale);
  const line = `<path class="grid" d="M${PLOT.left} ${y}H${PLOT.right}"/>`;
  return line + text(PLOT.left - 8, y + 4, formatNumber(value), 'text-anchor="end"');
}

function formatColumn(value: number, scale: Scale): string {
  const x = toX(value, scale);
  const line = `<path class="grid" d="M${x} ${PLOT.top}V${PLOT.bottom}"/>`;
  return line + text(x, PLOT.bottom + 20, value.toLocaleString('en-US'), 'text-anchor="middle"');
}

function formatSeries(
  points: Chart['series'][number]['points'],
  index: number,
  x: Scale,
  y: Scale,
): string {
  const places = points.map((point) => [toX(point.x, x), toY(point.y, y)] as const);
  const path = places.map(([left, top], at) => `${at === 0 ? 'M' : 'L'}${left} ${top}`).join('');
  const dots = places.map(
    ([left, top]) => `<circle class="point-${index}" cx="${left}" cy="${top}" r="3.5"/>`,
  );
  return [`<path class="line series-${index}" d="${path}"/>`, ...dots].join('');
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escape(content)}</text>`;
}

function toX(value: number, scale: Scale): number {
  return round(PLOT.left + scale.place(value) * (PLOT.right - PLOT.left));
}

function toY(value: number, scale: Scale): number {
  return round(PLOT.bottom - scale.place(value) * (PLOT.bottom - PLOT.top));
}

function middleY(): number {
  return (PLOT.top + PLOT.bottom) / 2;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
