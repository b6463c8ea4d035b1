import assert from 'node:assert/strict';
import { XmlDocument } from 'libxml2-wasm';
import { formatChart } from '../../scripts/bench/report/format-chart.ts';
import { linearScale, logScale } from '../../scripts/bench/report/scales.ts';
import { SAMPLE } from './sample-result.ts';

const SVG = { svg: 'http://www.w3.org/2000/svg' };

describe('the scales of the bench', () => {
  it('goes from 0 to a round number', () => {
    const { ticks, place } = linearScale([3, 87]);
    assert.deepEqual(ticks, [0, 20, 40, 60, 80, 100]);
    assert.equal(place(50), 0.5);
    assert.deepEqual(linearScale([0]).ticks[0], 0);
    assert.equal(linearScale([1.5]).place(0), 0);
  });

  it('goes over powers of ten', () => {
    const { ticks, place } = logScale([1000, 100_000]);
    assert.deepEqual(ticks, [1000, 10_000, 100_000]);
    assert.equal(place(10_000), 0.5);
    assert.deepEqual(logScale([1000]).ticks, [1000, 10_000]);
  });
});

describe('the charts of the bench', () => {
  const [chart] = SAMPLE.parts.flatMap(({ charts }) => charts);
  assert.ok(chart);
  const svg = formatChart(chart);

  it('are well-formed SVG with title and labels', () => {
    using document = XmlDocument.fromString(svg);
    const textOf = (path: string) => document.get(path, SVG)?.content;
    assert.equal(textOf('/svg:svg/svg:title'), chart.title);
    for (const label of [chart.title, chart.xLabel, chart.yLabel, 'cold', 'warm', '100,000']) {
      assert.ok(
        document.find('//svg:text', SVG).some(({ content }) => content === label),
        label,
      );
    }
  });

  it('have a point for every value, all inside', () => {
    // The axes go from 1,000 to 100,000 and from 0 to 12.5.
    using document = XmlDocument.fromString(svg);
    const places = ['cx', 'cy'].map((name) =>
      document.find(`//svg:circle/@${name}`, SVG).map(({ content }) => Number(content)),
    );
    assert.deepEqual(places, [
      [70, 610, 610],
      [280.8, 69.6, 300],
    ]);
  });

  it('are readable in dark and light', () => {
    assert.match(svg, /prefers-color-scheme: dark/);
  });
});
