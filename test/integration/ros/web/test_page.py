# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The web page in a real Chromium, of a real node: seen, tuned, left and found again."""

from pathlib import Path

import pytest
from ros_peer import NODE

# Share of the picture's pixels that are nearly red, green or blue, the colours of the classes.
PURE = """() => {
  const canvas = document.querySelector('#picture');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let pure = 0;
  for (let i = 0; i < data.length; i += 4) {
    const sorted = [data[i], data[i + 1], data[i + 2]].sort((a, b) => a - b);
    if (sorted[2] > 200 && sorted[1] < 60) pure += 1;
  }
  return pure / (data.length / 4);
}"""
CHANGES = "before => document.querySelector('#picture').dataset.sequence !== before"
FIELD = '[data-name="{}"] input[type="{}"]'


def sequence(page):
    page.wait_for_selector('#picture[data-sequence]')
    return page.get_attribute('#picture', 'data-sequence')


def wait_for_next(page):
    page.wait_for_function(CHANGES, arg=sequence(page))


@pytest.fixture
def show(start_node, start_page, moving_camera, open_page, tmp_path):
    """Return a function that starts all that the page needs, and opens it."""

    def start():
        node = start_node(overlay_alpha=0.0, snapshot__folder=tmp_path / 'snapshots')
        server = start_page()
        return node, server, open_page(server.url)

    return start


def test_a_slider_changes_node_and_picture_a_wrong_value_is_refused_a_model_is_switched(
    peer, show, open_page
):
    _, server, page = show()
    for _ in range(2):
        wait_for_next(page)
    slider = page.locator('.parameters ' + FIELD.format('overlay_alpha', 'range'))
    assert page.evaluate(PURE) < 0.5
    slider.focus()
    slider.press('End')
    page.wait_for_function(f'() => ({PURE})() > 0.8')
    assert peer.get_parameter('overlay_alpha') == 1.0

    field = page.locator('.parameters ' + FIELD.format('overlay_alpha', 'number'))
    field.fill('7')
    field.press('Enter')
    refusal = page.locator('.parameters [data-name="overlay_alpha"] [role="alert"]')
    refusal.wait_for(state='visible')
    assert 'out of range' in refusal.inner_text()
    assert field.get_attribute('aria-invalid') == 'true'
    assert peer.get_parameter('overlay_alpha') == 1.0
    field.press('Escape')
    refusal.wait_for(state='hidden')
    assert field.input_value() == '1'
    # What is being typed stays while something else changes the value; Escape takes that.
    field.press_sequentially('23')
    typed = field.input_value()
    assert peer.set_parameter('overlay_alpha', 0.5).successful
    page.wait_for_function(f'() => ({PURE})() < 0.8')
    page.wait_for_timeout(1500)
    assert field.input_value() == typed
    field.press('Escape')
    assert field.input_value() == '0.5'
    assert peer.get_parameter('overlay_alpha') == 0.5

    # A second browser sees what the first one does, and the first what the second does.
    other = open_page(server.url, color_scheme='dark')
    wait_for_next(other)
    wait_for_next(page)
    other_field = other.locator('.parameters ' + FIELD.format('overlay_alpha', 'number'))
    other_field.fill('0.25')
    other_field.press('Enter')
    page.wait_for_function(
        'selector => document.querySelector(selector).value === "0.25"',
        arg='.parameters ' + FIELD.format('overlay_alpha', 'number'),
    )

    model = 'rtformer_slim_camvid_360x480.onnx'
    page.select_option('#quick-model', model)
    page.wait_for_selector('#legend li:has-text("Pavement")')
    assert peer.get_parameter('model') == model
    for _ in range(2):
        wait_for_next(page)


def test_the_page_says_that_the_node_has_ended_and_finds_it_again(peer, show, start_node):
    node, _, page = show()
    wait_for_next(page)
    assert node.end()[0] == 0
    page.wait_for_selector('#presence:has-text("The node is not there")')
    start_node(overlay_alpha=1.0)
    page.wait_for_selector('#presence[data-level="0"]')
    wait_for_next(page)
    page.wait_for_function(f'() => ({PURE})() > 0.8')


def test_views_pointer_pause_and_snapshot_with_the_keyboard_and_a_closed_page_costs_nothing(
    peer, show
):
    _, _, page = show()
    wait_for_next(page)
    page.focus('input[name="view"]:checked')
    page.keyboard.press('ArrowRight')
    page.wait_for_selector('#picture[data-view="mask"]')
    page.wait_for_function(f'() => ({PURE})() > 0.8')
    page.focus('#picture')
    page.keyboard.press('ArrowLeft')
    # The hint that stands there before ends with "confidence".
    page.wait_for_selector('#pixel:has-text(", confidence ")')
    assert page.inner_text('#pixel').split(',')[0] in ('red', 'green', 'blue')

    page.focus('#snapshot:enabled')
    page.keyboard.press('Enter')
    words, told = page.inner_text('#answer:visible').split(': ')
    assert words == 'Snapshot written', told
    assert (Path(told) / 'input.png').is_file()
    page.focus('#pause:enabled')
    page.keyboard.press('Enter')
    page.wait_for_selector('#pause[aria-pressed="true"]')
    page.wait_for_selector('#picture-note:has-text("Paused")')
    page.keyboard.press('Enter')
    page.wait_for_selector('#pause[aria-pressed="false"]')
    wait_for_next(page)

    assert peer.node.count_subscribers(f'{NODE}/mask') == 1
    page.close()
    peer.wait_for(
        lambda: not peer.node.count_subscribers(f'{NODE}/mask'), 'the page to unsubscribe'
    )
    peer.wait_for(lambda: not peer.node.count_subscribers('/image'), 'the node to rest')
