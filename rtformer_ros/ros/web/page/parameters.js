// SPDX-FileCopyrightText: 2026 The rtformer_ros developers
// SPDX-License-Identifier: Apache-2.0
/** Parameters: a field for each, made from its declaration; what is refused says why, in place. */
import { byId, element, write } from './elements.js';
import { get, post } from './server.js';

const OPEN_GROUPS = ['Masks', 'Pictures'];
const MOST_SLIDER_SPAN = 1000;
const SLIDER_STEPS = 100;

/** One parameter: its field, and the way of a new value to the node. */
class Row {
  constructor(declared, place = 'parameter') {
    this.declared = declared;
    this.id = `${place}-${declared.name}`;
    this.refusal = element('p', { className: 'refusal', id: `${this.id}-refusal`, hidden: true });
    this.refusal.setAttribute('role', 'alert');
    this.inputs = this.makeInputs();
    const [first] = this.inputs;
    first.id = this.id;
    for (const input of this.inputs) {
      input.disabled = declared.read_only;
      input.setAttribute('aria-describedby', `${this.id}-about ${this.id}-refusal`);
      if (input !== first) input.setAttribute('aria-label', declared.name);
      input.addEventListener(input.type === 'range' ? 'input' : 'change', () => this.send(input));
      input.addEventListener('keydown', (event) => {
        if (event.key === 'Escape') this.forget();
      });
      // What somebody is typing stays, whatever comes of the node meanwhile.
      input.addEventListener('input', () => { input.dataset.touched = 'yes'; });
      input.addEventListener('blur', () => { delete input.dataset.touched; });
    }
    const label = element('label', { htmlFor: this.id, textContent: `${declared.name} ` },
      element('small', { textContent: this.limits() }));
    this.element = element('div', { className: 'row' }, label,
      element('div', { className: 'control' }, ...this.inputs),
      this.refusal,
      element('p', { className: 'about', id: `${this.id}-about`, textContent: declared.description }));
    this.element.dataset.name = declared.name;
    this.take(declared);
  }

  limits() {
    const { minimum, maximum, unit, read_only: isFixed } = this.declared;
    const range = minimum === null ? unit : `${minimum} to ${maximum} ${unit}`.trim();
    return [range, isFixed ? 'fixed while the node runs' : ''].filter(Boolean).join(', ');
  }

  makeInputs() {
    const { kind, choices, minimum, maximum } = this.declared;
    if (kind === 'bool') return [element('input', { type: 'checkbox' })];
    if (choices.length) {
      return [element('select', {}, ...choices.map((value) => element('option', { value, textContent: value })))];
    }
    if (kind !== 'int' && kind !== 'float') {
      return [element('input', { type: 'text', autocomplete: 'off', spellcheck: false })];
    }
    const field = element('input', { type: 'number', step: kind === 'int' ? 1 : 'any' });
    if (minimum === null || maximum - minimum > MOST_SLIDER_SPAN) return [field];
    const span = maximum - minimum;
    const fine = 10 ** Math.floor(Math.log10(span / SLIDER_STEPS));
    const step = kind === 'int' ? 1 : Number(fine.toPrecision(1));
    return [element('input', { type: 'range', min: minimum, max: maximum, step }), field];
  }

  /** Return the value of a field as JSON has it; what is no number is sent as it is. */
  valueOf(input) {
    const { kind } = this.declared;
    if (kind === 'bool') return input.checked;
    if (kind === 'texts') return input.value.split(',').map((text) => text.trim()).filter(Boolean);
    if (kind === 'text') return input.value;
    const number = Number(input.value);
    return input.value.trim() === '' || Number.isNaN(number) ? input.value : number;
  }

  /** Show what the node has. */
  take(declared) {
    this.declared = declared;
    if (this.isBusy || this.isRefused) return;
    for (const input of this.inputs) {
      if (document.activeElement === input && input.type !== 'checkbox' && input.type !== 'range') {
        if (input.dataset.touched) continue;
      }
      this.put(input, declared.value);
    }
  }

  put(input, value) {
    if (this.declared.kind === 'bool') input.checked = value;
    else if (this.declared.kind === 'texts') input.value = value.join(', ');
    else if (typeof value === 'number') input.value = Number(value.toPrecision(12));
    else input.value = value;
  }

  /** Give up what was typed and refused. */
  forget() {
    this.isRefused = false;
    for (const input of this.inputs) delete input.dataset.touched;
    this.showRefusal('');
    this.take(this.declared);
  }

  /** Send a value; while one is on its way, only the newest waits. */
  async send(input) {
    const value = this.valueOf(input);
    delete input.dataset.touched;
    for (const other of this.inputs) if (other !== input) this.put(other, value);
    this.next = { value };
    if (this.isBusy) return;
    this.isBusy = true;
    this.element.classList.add('waiting');
    let answer;
    let sent;
    while (this.next) {
      sent = this.next.value;
      this.next = null;
      answer = await post('api/parameter', { name: this.declared.name, value: sent });
    }
    this.isBusy = false;
    this.element.classList.remove('waiting');
    this.isRefused = !answer.successful;
    if (answer.successful) this.declared.value = sent;
    this.showRefusal(answer.successful ? '' : answer.reason || 'The node refused it.');
  }

  showRefusal(text) {
    this.refusal.hidden = !text;
    write(this.refusal, text);
    for (const input of this.inputs) input.setAttribute('aria-invalid', String(Boolean(text)));
  }
}

/** The fields of all parameters, and those of the model beside its figures. */
export class Parameters {
  constructor() {
    this.rows = new Map();
    this.names = '';
    byId('find').addEventListener('input', () => this.find());
  }

  /** Read the node's parameters anew; throws a Refusal where it does not answer. */
  async read() {
    const [declared, models] = await Promise.all([get('api/parameters'), get('api/models')]);
    const names = declared.map((each) => each.name).join();
    if (names !== this.names) {
      this.names = names;
      this.build(declared, models);
    }
    for (const each of declared) for (const row of this.rows.get(each.name)) row.take(each);
  }

  build(declared, models) {
    const groups = Map.groupBy ? Map.groupBy(declared, (each) => each.group) : grouped(declared);
    this.rows = new Map(declared.map((each) => [each.name, [new Row(each)]]));
    const made = [...groups].map(([title, members]) => element(
      'details',
      { className: 'group', open: OPEN_GROUPS.includes(title) },
      element('summary', { textContent: title }, element('small', { textContent: `${members.length}` })),
      element('div', { className: 'rows' }, ...members.map((each) => this.rows.get(each.name)[0].element)),
    ));
    byId('parameters').replaceChildren(...made);
    this.buildModel(declared, models);
    this.find();
  }

  /** The model is chosen among those at hand; any other is named in its field below. */
  buildModel(declared, models) {
    const shown = declared.filter((each) => ['model', 'engine'].includes(each.name)).map((each) => {
      const isModel = each.name === 'model';
      const choices = [...new Set(['', ...models, ...(isModel ? [each.value] : [])])];
      const row = new Row({ ...each, choices: isModel ? choices : each.choices }, 'quick');
      if (isModel) row.inputs[0].options[0].textContent = 'packaged default';
      this.rows.get(each.name).push(row);
      return row.element;
    });
    byId('model').replaceChildren(...shown);
  }

  /** Show those parameters alone that have the words. */
  find() {
    const words = byId('find').value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of document.querySelectorAll('.group')) {
      let found = 0;
      for (const row of group.querySelectorAll('.row')) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        found += row.hidden ? 0 : 1;
      }
      group.hidden = !found;
      if (words.length && found) group.open = true;
    }
  }
}

function grouped(declared) {
  const groups = new Map();
  for (const each of declared) groups.set(each.group, [...(groups.get(each.group) ?? []), each]);
  return groups;
}
