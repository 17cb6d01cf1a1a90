// SPDX-FileCopyrightText: 2026 The rtformer_ros developers
// SPDX-License-Identifier: Apache-2.0
/** The page: asks once a second how the node is, and shows it. */
import { byId, element, pause, seen, write } from './elements.js';
import { Figures } from './figures.js';
import { showLegend } from './legend.js';
import { Parameters } from './parameters.js';
import { Picture } from './picture.js';
import { get, post, Refusal } from './server.js';

const PERIOD_MS = 1000;
const VIEWS = ['overlay', 'mask', 'camera', 'confidence', 'costmap'];

const picture = new Picture();
const figures = new Figures();
const parameters = new Parameters();
let readVersion = null;
let isPaused = false;

function presence(level, text) {
  byId('presence').dataset.level = level;
  write(byId('presence'), text);
}

function makeViews() {
  byId('views').replaceChildren(...VIEWS.map((view) => {
    const input = element('input', { type: 'radio', name: 'view', value: view, checked: view === picture.view });
    input.addEventListener('change', () => picture.show(picture.camera, view));
    return element('label', {}, input, element('span', { textContent: view }));
  }));
}

function showCameras(cameras) {
  const select = byId('camera');
  byId('camera-choice').hidden = cameras.length < 2;
  const shown = [...select.options].map((option) => option.value);
  if (shown.join() === cameras.join() && shown.length) return;
  select.replaceChildren(...cameras.map((name) => element('option', { value: name, textContent: name })));
  if (!cameras.includes(picture.camera)) picture.show(cameras[0], picture.view);
  select.value = picture.camera;
}

function showState(state) {
  write(byId('node'), state.node);
  document.title = `${state.node} – rtformer_ros`;
  const isHere = state.is_there && !state.is_silent;
  const node = state.statuses.find((status) => status.name === 'segmentation');
  if (!state.is_there) {
    presence('waiting', 'The node is not there. This page finds it by itself when it comes.');
  } else if (state.is_silent) {
    presence('waiting', 'The node is there; its diagnostics have not come yet.');
  } else {
    presence(node?.level ?? 'waiting', node?.message ?? '');
  }
  picture.reason = state.is_there ? '' : 'The node is not there.';
  if (isHere && node?.level > 0) picture.reason = node.message;
  if (isHere && node?.values.enabled === 'false') picture.reason = 'Paused.';
  isPaused = node?.values.enabled === 'false';
  const statuses = isHere ? state.statuses : [];
  write(byId('pause'), isPaused ? 'Continue' : 'Pause');
  byId('pause').setAttribute('aria-pressed', String(isPaused));
  byId('pause').disabled = !isHere;
  // Not with the diagnostics, which a busy machine delays: the keyboard's focus would go.
  byId('snapshot').disabled = !state.is_there;
  showCameras(state.cameras);
  picture.colors = new Map((state.labels.classes ?? []).map((row) => [row.id, row.color]));
  showLegend(state.labels, state.shares);
  figures.show(statuses, state.camera);
}

async function readParameters(state) {
  if (!state.is_there) {
    readVersion = null;
  } else if (state.parameters_version !== readVersion) {
    await parameters.read();
    readVersion = state.parameters_version;
  }
}

async function follow() {
  for (;;) {
    await seen();
    try {
      const state = await get('api/state', { camera: picture.camera });
      showState(state);
      await readParameters(state);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      readVersion = null;
      presence(error.status === 503 ? 'waiting' : 2, error.message);
    }
    await pause(PERIOD_MS);
  }
}

function makeButton(id, path, body, words) {
  const button = byId(id);
  button.addEventListener('click', async () => {
    // Not disabled meanwhile, which would take the keyboard's focus away.
    if (button.ariaBusy === 'true') return;
    button.ariaBusy = 'true';
    const answer = await post(path, body());
    button.ariaBusy = 'false';
    const told = byId('answer');
    told.hidden = false;
    told.classList.toggle('refused', !answer.successful);
    write(told, `${words(answer)}: ${answer.reason}`);
  });
}

makeViews();
byId('camera').addEventListener('change', (event) => picture.show(event.target.value, picture.view));
makeButton('pause', 'api/enabled', () => ({ enabled: isPaused }), () => 'Pause');
makeButton('snapshot', 'api/snapshot', () => ({}), (answer) => (answer.successful ? 'Snapshot written' : 'No snapshot'));
follow();
