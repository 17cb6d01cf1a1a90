// SPDX-FileCopyrightText: 2026 The rtformer_ros developers
// SPDX-License-Identifier: Apache-2.0
/** Elements of the page: made and found by a few letters. */

/** Return the element of an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Return a new element; its properties are those of the object, its content what follows. */
export function element(tag, properties = {}, ...content) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...content);
  return made;
}

/** Return a square in the colour [red, green, blue], 0 to 255. */
export function swatch(color) {
  const made = element('span', { className: 'swatch' });
  made.style.background = typeof color === 'string' ? color : `rgb(${color.join(' ')})`;
  return made;
}

/** Put text into an element, if it is another one: a screen reader reads what changes. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Wait, in milliseconds. */
export function pause(duration) {
  return new Promise((done) => setTimeout(done, duration));
}

/** Wait until somebody sees the page. */
export async function seen() {
  while (document.hidden) {
    await new Promise((done) => document.addEventListener('visibilitychange', done, { once: true }));
  }
}
