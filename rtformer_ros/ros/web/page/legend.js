// SPDX-FileCopyrightText: 2026 The rtformer_ros developers
// SPDX-License-Identifier: Apache-2.0
/** Legend: the classes, their colours and the share that each has of the newest mask, or of its polygon. */
import { byId, element, swatch } from './elements.js';

/** Show the classes of ~/labels with the shares by id, 0..1; the largest come first. */
export function showLegend(labels, shares) {
  const unlabeled = labels.unlabeled_id ?? 255;
  const share = (row) => shares[row.id] ?? 0;
  const rows = (labels.classes ?? []).filter((row) => row.id !== unlabeled || share(row) > 0);
  rows.sort((one, other) => share(other) - share(one) || one.id - other.id);
  byId('legend').replaceChildren(...rows.map((row) => item(row, share(row))));
}

function item(row, share) {
  const bar = element('i');
  bar.style.transform = `scaleX(${share})`;
  bar.style.background = `rgb(${row.color.join(' ')})`;
  return element(
    'li',
    { className: share ? '' : 'none' },
    swatch(row.color),
    element('span', { textContent: row.name, title: `id ${row.id}, ${row.group}` }),
    element('span', { className: 'share', textContent: `${(100 * share).toFixed(1)} %` }),
    element('span', { className: 'line' }, bar),
  );
}
