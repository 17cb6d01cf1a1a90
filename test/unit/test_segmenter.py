# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
from rtformer_ros.engines.base import Engine, EngineDescription
from rtformer_ros.imaging.roi import Roi
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.segmentation import SegmentationBatch, UnseenPixels
from rtformer_ros.segmenter import Segmenter, SegmentSettings


class BrightestChannel(Engine):
    """An engine whose result has a closed form, on images of 12 x 16 pixels."""

    def __init__(self) -> None:
        super().__init__(
            EngineDescription('brightest', 'cpu', Path('none'), 12, 16, LabelSet.generic(3))
        )

    @classmethod
    def open(cls, request):
        return cls()

    def _run(self, images_nhwc):
        ids = images_nhwc.argmax(axis=3).astype(np.uint8)
        return SegmentationBatch(ids, images_nhwc.max(axis=3))

    def _release(self) -> None:
        pass


@pytest.fixture
def image_hwc() -> np.ndarray:
    image = np.zeros((12, 16, 3), np.uint8)
    image[:, :6, 0], image[:, 6:11, 1], image[:, 11:, 2] = 250, 150, 50
    return image


def test_result_is_the_engines_own(image_hwc):
    result = Segmenter(BrightestChannel(), SegmentSettings()).segment(image_hwc)
    np.testing.assert_array_equal(result.class_map_hw, image_hwc.argmax(axis=2))
    np.testing.assert_array_equal(result.confidence_hw, image_hwc.max(axis=2))


def test_remap_comes_before_the_threshold_and_leaves_the_confidence(image_hwc):
    table = bytearray(range(256))
    table[0], table[2] = 2, 7
    settings = SegmentSettings(class_remap=bytes(table), confidence_threshold=0.4)
    result = Segmenter(BrightestChannel(), settings).segment(image_hwc)
    assert [result.class_map_hw[3, x] for x in (2, 8, 14)] == [2, 1, 255]
    assert [result.confidence_hw[3, x] for x in (2, 8, 14)] == [250, 150, 50]


@pytest.mark.parametrize(
    ('wanted', 'resize', 'expected'),
    [
        ('source', 'stretch', (24, 64)),
        ('source', 'letterbox', (24, 64)),
        ('network', 'stretch', (12, 16)),
        ('network', 'letterbox', (6, 16)),
        ((5, 9), 'letterbox', (5, 9)),
    ],
)
def test_output_size(wanted, resize, expected):
    image = np.zeros((24, 64, 3), np.uint8)
    image[:, 32:, 2] = 200
    image[:, :32, 0] = 100
    segmenter = Segmenter(BrightestChannel(), SegmentSettings(resize, wanted))
    result = segmenter.segment(image)
    assert result.class_map_hw.shape == result.confidence_hw.shape == expected
    assert segmenter.output_size((24, 64)) == expected
    width = expected[1]
    assert set(result.class_map_hw[:, : width // 2 - 1].flat) == {0}
    assert set(result.class_map_hw[:, width // 2 + 1 :].flat) == {2}
    assert set(result.confidence_hw[:, width // 2 + 1 :].flat) == {200}


@pytest.mark.parametrize('resize', ['stretch', 'letterbox'])
def test_an_enlarged_result_keeps_what_it_was_enlarged_from(resize, image_hwc):
    large = np.repeat(np.repeat(image_hwc, 4, axis=0), 3, axis=1)
    settings = SegmentSettings(resize, class_remap=bytes([2, 1, 0, *range(3, 256)]))
    result = Segmenter(BrightestChannel(), settings).segment(large)
    small = result.small_class_map_hw
    assert small is not None
    assert small.size < result.class_map_hw.size
    enlarged = cv2.resize(small, result.size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    np.testing.assert_array_equal(enlarged, result.class_map_hw)
    settings = SegmentSettings(resize, 'network')
    assert Segmenter(BrightestChannel(), settings).segment(large).small_class_map_hw is None


@pytest.mark.parametrize('factor', [1, 4])
def test_a_class_map_is_written_where_it_is_needed_as_it_is_read(factor, image_hwc):
    large = np.repeat(np.repeat(image_hwc, factor, axis=0), factor, axis=1)
    result = Segmenter(BrightestChannel(), SegmentSettings()).segment(large)
    written = np.full(large.shape[:2], 99, np.uint8)
    result.write_class_map(written)
    assert result.size == large.shape[:2]
    np.testing.assert_array_equal(written, result.class_map_hw)
    # It is the caller's own: what becomes of it leaves the result alone.
    written[:] = 99
    assert 99 not in result.class_map_hw


def test_frames_of_changing_sizes_do_not_leave_traces(image_hwc):
    segmenter = Segmenter(BrightestChannel(), SegmentSettings('letterbox'))
    segmenter.segment(np.full((40, 10, 3), 255, np.uint8))
    result = segmenter.segment(np.dstack([np.full((6, 16), v, np.uint8) for v in (0, 9, 0)]))
    assert set(result.class_map_hw.flat) == {1}
    assert set(result.confidence_hw.flat) == {9}


def test_input_is_not_written_to(image_hwc):
    image_hwc.flags.writeable = False
    Segmenter(BrightestChannel(), SegmentSettings(confidence_threshold=0.9)).segment(image_hwc)


@pytest.mark.parametrize('resize', ['stretch', 'letterbox'])
def test_batch_is_as_if_one_by_one(resize):
    """Also with images of the network's own size, which are not resized into a buffer."""
    rng = np.random.default_rng(0)
    sizes = [(24, 64), (12, 16), (40, 10), (12, 16)]
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    segmenter = Segmenter(BrightestChannel(), SegmentSettings(resize))
    for count in (2, 4, 3):
        prepared = [segmenter.preprocess(image, i) for i, image in enumerate(images[:count])]
        batch = segmenter.infer(*prepared)
        assert len(batch) == count
        for index, image in enumerate(images[:count]):
            alone = Segmenter(BrightestChannel(), SegmentSettings(resize)).segment(image)
            together = segmenter.postprocess(batch[index], image.shape[:2])
            np.testing.assert_array_equal(together.class_map_hw, alone.class_map_hw)
            np.testing.assert_array_equal(together.confidence_hw, alone.confidence_hw)


ROI = Roi(0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize('resize', ['stretch', 'letterbox'])
@pytest.mark.parametrize('wanted', ['source', (31, 57), (3, 2)])
def test_region_of_interest_is_the_cropped_picture_put_back(resize, wanted):
    image = np.random.default_rng(4).integers(0, 256, (30, 60, 3), np.uint8)
    crop = image[15:30, 15:45].copy()
    height, width = (30, 60) if wanted == 'source' else wanted
    # Where the quarter and the halves of the result are, to whole pixels.
    rows = slice(round(height / 2), height)
    columns = slice(round(width / 4), max(round(3 * width / 4), round(width / 4) + 1))
    place = (rows.stop - rows.start, columns.stop - columns.start)
    alone = Segmenter(BrightestChannel(), SegmentSettings(resize, place)).segment(crop)
    settings = SegmentSettings(resize, wanted, roi=ROI)
    result = Segmenter(BrightestChannel(), settings).segment(image)
    classes, confidence = (np.full((height, width), value, np.uint8) for value in (255, 0))
    classes[rows, columns], confidence[rows, columns] = alone.class_map_hw, alone.confidence_hw
    np.testing.assert_array_equal(result.class_map_hw, classes)
    np.testing.assert_array_equal(result.confidence_hw, confidence)
    np.testing.assert_array_equal(result.unseen.unseen_hw == 255, classes == 255)


def test_region_of_interest_is_cut_out_without_a_copy(image_hwc):
    image = np.random.default_rng(5).integers(0, 256, (24, 32, 3), np.uint8)
    given = []

    class Recorder(BrightestChannel):
        def _run(self, images_nhwc):
            given.append(images_nhwc)
            return super()._run(images_nhwc)

    # The region has the network's size: its pixels reach the engine as they are, side by side.
    segmenter = Segmenter(Recorder(), SegmentSettings(roi=Roi(0.5, 0.5, 1.0, 1.0)))
    result = segmenter.segment(image)
    np.testing.assert_array_equal(given[0][0], image[12:, 16:])
    assert given[0].flags.c_contiguous
    np.testing.assert_array_equal(result.class_map_hw[12:, 16:], image[12:, 16:].argmax(axis=2))
    assert Segmenter(BrightestChannel(), SegmentSettings()).segment(image).unseen is None


def test_outside_of_the_region_stays_unlabelled_whatever_255_is_remapped_to():
    table = bytearray(range(256))
    table[255] = 1
    settings = SegmentSettings(class_remap=bytes(table), confidence_threshold=0.5, roi=ROI)
    result = Segmenter(BrightestChannel(), settings).segment(np.full((8, 8, 3), 200, np.uint8))
    assert set(result.class_map_hw[:4].flat) == {255}
    assert set(result.class_map_hw[4:, 2:6].flat) == {0}


def test_cameras_of_any_number_of_sizes_have_their_region():
    segmenter = Segmenter(BrightestChannel(), SegmentSettings(roi=ROI))
    for side in [*range(8, 40, 2), 8, 10]:
        result = segmenter.segment(np.full((side, side, 3), 9, np.uint8))
        assert (result.class_map_hw == 0).sum() == side // 2 * (
            round(side * 3 / 4) - round(side / 4)
        )


def test_ignored_pixels_are_unlabelled_at_every_size():
    ignored_hw = np.zeros((4, 8), np.uint8)
    ignored_hw[2:, 3:5] = 255
    image = np.random.default_rng(6).integers(0, 256, (24, 64, 3), np.uint8)
    before = Segmenter(BrightestChannel(), SegmentSettings()).segment(image)
    settings = SegmentSettings(ignored=UnseenPixels(ignored_hw))
    result = Segmenter(BrightestChannel(), settings).segment(image)
    is_ignored = np.zeros((24, 64), np.bool_)
    is_ignored[12:, 24:40] = True
    expected = np.where(is_ignored, 255, before.class_map_hw)
    np.testing.assert_array_equal(result.class_map_hw, expected)
    expected = np.where(is_ignored, 0, before.confidence_hw)
    np.testing.assert_array_equal(result.confidence_hw, expected)
    np.testing.assert_array_equal(result.unseen.unseen_hw, np.where(is_ignored, 255, 0))
    # Larger than the result: each pixel takes the nearest.
    settings = SegmentSettings(output_size=(2, 4), ignored=UnseenPixels(ignored_hw))
    small = Segmenter(BrightestChannel(), settings).segment(image)
    nearest = cv2.resize(ignored_hw, (4, 2), interpolation=cv2.INTER_NEAREST_EXACT)
    np.testing.assert_array_equal(small.class_map_hw == 255, nearest == 255)


def test_ignored_pixels_and_a_region_go_together_and_leave_the_engines_result_alone():
    ignored_hw = np.zeros((12, 16), np.uint8)
    ignored_hw[:, :10] = 255
    results = []

    class Recorder(BrightestChannel):
        def _run(self, images_nhwc):
            results.append(super()._run(images_nhwc))
            results[-1].class_map_nhw.flags.writeable = False
            return results[-1]

    # 255 in the picture is ignored where it is, not where it lands in the region.
    settings = SegmentSettings(roi=ROI, ignored=UnseenPixels(ignored_hw))
    image = np.full((12, 16, 3), 100, np.uint8)
    result = Segmenter(Recorder(), settings).segment(image)
    expected = np.full((12, 16), 255, np.uint8)
    expected[6:, 10:12] = 0
    np.testing.assert_array_equal(result.class_map_hw, expected)
    Segmenter(Recorder(), SegmentSettings(ignored=UnseenPixels(ignored_hw))).segment(image)
    assert set(results[-1].class_map_nhw.flat) == {0}
    assert set(results[-1].confidence_nhw.flat) == {100}
