import numpy as np
import pytest

from rtformer_ros.errors import ConfigError, ImageError
from rtformer_ros.labels.label_set import LabelClass, LabelSet
from rtformer_ros.labels.palette import colorize, palette_rgb, parse_color

LABELS = LabelSet('two', (LabelClass('road', (128, 64, 128)), LabelClass('sky', (1, 2, 3))))


def test_palette_holds_class_colours_and_black():
    palette = palette_rgb(LABELS)
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert palette[:2].tolist() == [[128, 64, 128], [1, 2, 3]]
    assert not palette[2:].any()


def test_given_colours_replace_those_of_the_labels():
    assert palette_rgb(LABELS, {1: (9, 8, 7)})[:2].tolist() == [[128, 64, 128], [9, 8, 7]]


@pytest.mark.parametrize('class_id', [-1, 2, 255])
def test_a_colour_for_no_class_is_refused(class_id):
    with pytest.raises(ConfigError, match=f'class {class_id}; .* ids 0 to 1'):
        palette_rgb(LABELS, {class_id: (0, 0, 0)})


def test_parse_color():
    assert parse_color(' #80FF01 ') == (128, 255, 1)
    assert parse_color('000a0B') == (0, 10, 11)


@pytest.mark.parametrize('text', ['', '#12345', '#1234567', '#12345g', 'red', '12,3,4'])
def test_parse_color_refuses(text):
    with pytest.raises(ConfigError, match='#rrggbb'):
        parse_color(text)


@pytest.mark.parametrize('transposed', [False, True])
@pytest.mark.parametrize('shape', [(1, 1), (37, 53)])
def test_colorize_is_a_table_lookup(shape, transposed):
    rng = np.random.default_rng(3)
    palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    class_map = rng.integers(0, 256, shape, dtype=np.uint8)
    class_map = class_map.T if transposed else class_map
    np.testing.assert_array_equal(colorize(class_map, palette), palette[class_map])


def test_colorize_writes_into_a_view_of_bytes():
    palette = np.arange(768, dtype=np.uint8).reshape(256, 3)
    data = bytearray(2 * 3 * 3)
    out = np.frombuffer(data, np.uint8).reshape(2, 3, 3)
    assert colorize(np.full((2, 3), 5, np.uint8), palette, out) is out
    assert bytes(data) == bytes([15, 16, 17]) * 6


@pytest.mark.parametrize(
    'out',
    [
        np.empty((2, 4, 3), np.uint8),
        np.empty((2, 3, 3), np.int8),
        np.empty((2, 6, 3), np.uint8)[:, ::2],
        np.frombuffer(bytes(18), np.uint8).reshape(2, 3, 3),
    ],
    ids=['shape', 'dtype', 'strided', 'read-only'],
)
def test_colorize_refuses_an_output_it_cannot_fill(out):
    with pytest.raises(ImageError, match='output array'):
        colorize(np.zeros((2, 3), np.uint8), np.zeros((256, 3), np.uint8), out)


def test_colorize_refuses_wrong_shapes():
    with pytest.raises(ImageError, match=r'\[11, 3\]'):
        colorize(np.zeros((2, 3), np.uint8), np.zeros((11, 3), np.uint8))
