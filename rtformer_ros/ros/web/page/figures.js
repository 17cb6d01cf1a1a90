// SPDX-FileCopyrightText: 2026 The rtformer_ros developers
// SPDX-License-Identifier: Apache-2.0
/** Figures of the node: rates, latency, frames, engine, and the diagnostics in words. */
import { byId, element, swatch, write } from './elements.js';
import { Plot } from './plots.js';

const RATES = { 'input rate (Hz)': 'camera', 'output rate (Hz)': 'segmented' };
const STAGES = ['wait', 'convert', 'preprocess', 'infer', 'postprocess', 'publish'];
const STAGE_COLORS = ['--s0', '--s1', '--s2', '--s3', '--s4', '--s5'];
const ENGINE = ['engine', 'model', 'device', 'network size', 'labels', 'engine detail'];
const FRAMES = ['frames received', 'frames segmented', 'frames without subscriber', 'frames while paused'];
const LEVELS = ['good', 'warning', 'error', 'stale'];

export class Figures {
  constructor() {
    this.rates = new Plot(byId('rates'), Object.values(RATES), ['--s0', '--s3'], 'Hz', false);
    this.latency = new Plot(byId('latency'), STAGES, STAGE_COLORS, 'ms', true);
    this.open = new Set();
  }

  /** Show the statuses of the node; camera: whose figures are meant, '' for the node's. */
  show(statuses, camera) {
    const node = statuses.find((status) => status.name === 'segmentation');
    const own = statuses.find((status) => status.name === camera) ?? node;
    this.showValues(own?.values ?? {});
    this.showEngine(node?.values ?? {});
    this.showWords(statuses);
  }

  showValues(values) {
    const number = (key) => (key in values ? Number(values[key]) : null);
    const rates = Object.keys(RATES).map(number);
    this.rates.add(rates);
    key('rates-key', Object.values(RATES), ['--s0', '--s3'], rates, 'Hz');
    const stages = STAGES.map((stage) => number(`${stage} p50 (ms)`));
    this.latency.add(stages);
    const totals = [...stages, number('total p50 (ms)'), number('total p95 (ms)')];
    key('latency-key', [...STAGES, 'total, median', 'total, 95 %'], STAGE_COLORS, totals, 'ms');
    const drops = Object.keys(values).filter((name) => name.startsWith('dropped: '));
    const rows = [...FRAMES.filter((name) => name in values), ...drops].map((name) => element(
      'tr',
      { className: drops.includes(name) && values[name] !== '0' ? 'some' : '' },
      element('th', { scope: 'row', textContent: name.replace('frames ', '') }),
      element('td', { textContent: values[name] }),
    ));
    byId('drops').tBodies[0].replaceChildren(...rows);
  }

  showEngine(values) {
    const facts = ENGINE.filter((name) => values[name]).map((name) => [name, values[name]]);
    if (values.building) {
      const percent = values['build percent'] ? `${values['build percent']} %, ` : '';
      facts.push(['being built', `${values.building}: ${values['build phase']}, ${percent}${values['build elapsed (s)']} s`]);
    }
    if (values['build error']) facts.push(['build error', values['build error']]);
    byId('engine').replaceChildren(...facts.flatMap(([name, value]) => [
      element('dt', { textContent: name }),
      element('dd', { textContent: value }),
    ]));
  }

  showWords(statuses) {
    byId('diagnostics').replaceChildren(...statuses.map((status) => {
      const values = Object.entries(status.values).filter(([, value]) => value !== '');
      const table = element('table', {}, element('tbody', {}, ...values.map(([name, value]) => element(
        'tr', {}, element('th', { scope: 'row', textContent: name }), element('td', { textContent: value }),
      ))));
      const details = element('details', { open: this.open.has(status.name) },
        element('summary', { textContent: 'all values' }), table);
      details.addEventListener('toggle', () => {
        if (details.open) this.open.add(status.name);
        else if (details.isConnected) this.open.delete(status.name);
      });
      const words = `${status.name}, ${LEVELS[status.level] ?? 'unknown'}: ${status.message}`;
      const made = element('div', { className: 'status' }, element('h3', { textContent: words }), details);
      made.dataset.level = status.level;
      return made;
    }));
    if (!statuses.length) write(byId('diagnostics'), 'None has come yet.');
  }
}

function key(id, names, colors, values, unit) {
  byId(id).replaceChildren(...names.map((name, i) => element(
    'div',
    {},
    ...(i < colors.length ? [swatch(`var(${colors[i]})`)] : []),
    element('dt', { textContent: name }),
    element('dd', { textContent: values[i] === null ? '–' : `${values[i].toFixed(1)} ${unit}` }),
  )));
}
