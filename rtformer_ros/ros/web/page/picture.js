// SPDX-FileCopyrightText: 2026 The rtformer_ros developers
// SPDX-License-Identifier: Apache-2.0
/** The live picture: the next one is asked for when the last one is shown. */
import { byId, element, pause, seen, swatch, write } from './elements.js';
import { get, getPicture } from './server.js';

const RATE_PICTURES = 20;
const KEY_STEP = 0.02;
const PIXEL_PERIOD_MS = 400;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Picture {
  constructor() {
    this.canvas = byId('picture');
    this.camera = '';
    this.view = 'overlay';
    /** Why there is no picture, in words, as far as the diagnostics know. */
    this.reason = '';
    this.place = null;
    this.colors = new Map();
    this.times = [];
    this.show(this.camera, this.view);
    this.listen();
    this.run();
    this.followPixel();
  }

  /** Show another camera or view. */
  show(camera, view) {
    this.request?.abort();
    this.camera = camera;
    this.view = view;
    this.after = -1;
    this.times = [];
    this.point(null);
    write(byId('picture-rate'), '');
    this.canvas.removeAttribute('data-sequence');
    this.tell('Waiting for a picture …');
  }

  tell(text) {
    byId('picture-note').hidden = !text;
    write(byId('picture-note'), text);
  }

  async run() {
    for (;;) {
      await seen();
      this.request = new AbortController();
      const { signal } = this.request;
      try {
        await this.next(signal);
      } catch (error) {
        if (signal.aborted) continue;
        this.after = -1;
        this.tell(error.message);
        await pause(1000);
      }
    }
  }

  async next(signal) {
    const query = { camera: this.camera, view: this.view, after: this.after };
    const response = await getPicture(query, { signal });
    if (signal.aborted) return;
    if (response === null) {
      const which = this.after === -1 ? 'picture' : 'new picture';
      this.tell(this.reason || `No ${which} of ${this.view} comes.`);
      return;
    }
    const bitmap = await createImageBitmap(await response.blob());
    if (signal.aborted) return;
    await new Promise(requestAnimationFrame);
    this.draw(bitmap);
    this.after = response.headers.get('X-Sequence');
    this.canvas.dataset.sequence = this.after;
    this.canvas.dataset.view = this.view;
    this.tell('');
    this.count();
  }

  draw(bitmap) {
    if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
      this.canvas.width = bitmap.width;
      this.canvas.height = bitmap.height;
    }
    this.canvas.getContext('2d').drawImage(bitmap, 0, 0);
    bitmap.close();
  }

  count() {
    this.times.push(performance.now());
    if (this.times.length > RATE_PICTURES) this.times.shift();
    const last = this.times.length - 1;
    if (last < 2) return;
    const rate = (1000 * last) / (this.times[last] - this.times[0]);
    write(byId('picture-rate'), `${rate.toFixed(1)} pictures/s`);
  }

  listen() {
    const canvas = this.canvas;
    const follow = (event) => this.point(this.placeOf(event));
    canvas.addEventListener('pointermove', follow);
    canvas.addEventListener('pointerdown', follow);
    canvas.addEventListener('pointerleave', (event) => {
      if (event.pointerType === 'mouse') this.point(null);
    });
    canvas.addEventListener('keydown', (event) => {
      const step = KEYS[event.key];
      if (!step) return;
      event.preventDefault();
      const [x, y] = this.place ?? [0.5, 0.5];
      const clip = (value) => Math.min(1, Math.max(0, value));
      this.point([clip(x + KEY_STEP * step[0]), clip(y + KEY_STEP * step[1])], true);
    });
    canvas.addEventListener('blur', () => this.point(null));
  }

  /** Return the rectangle of the picture within its element, in pixels of the page. */
  shown() {
    const box = this.canvas.getBoundingClientRect();
    const scale = Math.min(box.width / this.canvas.width, box.height / this.canvas.height);
    const width = this.canvas.width * scale;
    const height = this.canvas.height * scale;
    const left = (box.width - width) / 2;
    return { box, left, top: (box.height - height) / 2, width, height };
  }

  placeOf(event) {
    const { box, left, top, width, height } = this.shown();
    const x = (event.clientX - box.left - left) / width;
    const y = (event.clientY - box.top - top) / height;
    return x >= 0 && x < 1 && y >= 0 && y < 1 ? [x, y] : null;
  }

  point(place, isByKey = false) {
    const had = this.place;
    this.place = this.view === 'costmap' ? null : place;
    const cross = byId('cross');
    cross.hidden = !(isByKey && this.place);
    if (!cross.hidden) {
      const { left, top, width, height } = this.shown();
      cross.style.left = `${left + place[0] * width}px`;
      cross.style.top = `${top + place[1] * height}px`;
    }
    if (this.place) {
      this.wake?.();
    } else if (had) {
      byId('pixel').replaceChildren('Point at the picture for class and confidence');
    }
  }

  /** Ask for class and confidence under the pointer, one question at a time. */
  async followPixel() {
    for (;;) {
      while (!this.place) await new Promise((done) => { this.wake = done; });
      const [x, y] = this.place;
      try {
        const found = await get('api/pixel', { camera: this.camera, x, y });
        if (this.place) this.tellPixel(found);
      } catch {
        // The picture says what is wrong.
      }
      await Promise.race([pause(PIXEL_PERIOD_MS), new Promise((done) => { this.wake = done; })]);
      await pause(40);
    }
  }

  tellPixel({ id, name, confidence }) {
    if (id === null) return;
    const sure = confidence === null ? '' : `, confidence ${Math.round(100 * confidence)} %`;
    const color = this.colors.get(id) ?? [128, 128, 128];
    byId('pixel').replaceChildren(swatch(color), element('b', { textContent: name }), sure);
  }
}
