# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check the average over frames against the full average, and what must not be averaged."""

from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.media.open_source import open_source
from rtformer_ros.segmentation import Segmentation
from rtformer_ros.segmenter import Segmenter, SegmentSettings
from rtformer_ros.stream.temporal_smoothing import TemporalSmoother

WALK = Path(__file__).resolve().parents[3] / 'samples' / 'walk.mp4'
SIZE = (24, 32)
FRAME_S = 0.1


def still():
    return np.full((*SIZE, 3), 90, np.uint8)


def uniform(class_id, confidence):
    return Segmentation(np.full(SIZE, class_id, np.uint8), np.full(SIZE, confidence, np.uint8))


def flicker(maps):
    return np.mean([(a != b).mean() for a, b in pairwise(maps)])


@pytest.mark.parametrize('share', [0.3, 0.8])
def test_two_rivals_are_averaged_exactly(share):
    rng = np.random.default_rng(5)
    smoother, scores = TemporalSmoother(share), None
    for step in range(30):
        classes = rng.choice(np.array([3, 7], np.uint8), SIZE)
        confidence = rng.integers(90, 255, SIZE, dtype=np.uint8)
        evidence = np.stack([(classes == c) * confidence.astype(float) for c in (3, 7)])
        scores = evidence if scores is None else share * scores + (1 - share) * evidence
        result = smoother.smooth(still(), Segmentation(classes, confidence), step * FRAME_S)
        is_clear = np.abs(scores[0] - scores[1]) > 0.01
        expected = np.where(scores[0] > scores[1], 3, 7)
        assert is_clear.mean() > 0.95
        assert np.array_equal(result.class_map_hw[is_clear], expected[is_clear])
        assert np.abs(result.confidence_hw - scores.max(axis=0)).max() <= 0.51


def test_a_new_class_gets_through_when_the_average_says_so():
    share, smoother = 0.8, TemporalSmoother(0.8)
    for step in range(20):
        smoother.smooth(still(), uniform(1, 200), step * FRAME_S)
    # 200 * share^n < 200 * (1 - share^n) first holds for n = 4.
    n = int(np.ceil(np.log(0.5) / np.log(share)))
    seen = [
        smoother.smooth(still(), uniform(2, 200), (20 + step) * FRAME_S).class_map_hw[0, 0]
        for step in range(n)
    ]
    assert seen == [1] * (n - 1) + [2]


def test_what_moves_leaves_no_ghost():
    smoother = TemporalSmoother(0.9)
    for step in range(12):
        image, classes = still(), np.zeros(SIZE, np.uint8)
        left = 2 * step
        image[8:16, left : left + 6], classes[8:16, left : left + 6] = 220, 4
        frame = Segmentation(classes, np.full(SIZE, 255, np.uint8))
        result = smoother.smooth(image, frame, step * FRAME_S)
        assert np.array_equal(result.class_map_hw, classes)


@pytest.mark.parametrize(
    ('image', 'stamp_s'),
    [(np.full((*SIZE, 3), 200, np.uint8), 0.1), (still(), 9.0), (still(), -0.1)],
    ids=['cut', 'pause', 'back in time'],
)
def test_another_scene_starts_anew(image, stamp_s):
    smoother = TemporalSmoother(0.9)
    smoother.smooth(still(), uniform(1, 255), 0.0)
    same = smoother.smooth(still(), uniform(2, 100), 0.0)
    assert (same.class_map_hw == 1).all()
    other = smoother.smooth(image, uniform(2, 100), stamp_s)
    assert (other.class_map_hw == 2).all()
    assert (other.confidence_hw == 100).all()


def test_another_size_starts_anew():
    smoother = TemporalSmoother(0.5)
    smoother.smooth(still(), uniform(1, 255), 0.0)
    small = Segmentation(np.full((8, 8), 2, np.uint8), np.full((8, 8), 9, np.uint8))
    result = smoother.smooth(np.zeros((8, 8, 3), np.uint8), small, 0.1)
    assert (result.class_map_hw == 2).all()


def test_the_walk_flickers_less():
    """The share of pixels that change class from frame to frame falls by a fifth and more."""
    engine = open_engine(EngineRequest(find_model(''), device='cpu', threads=2))
    try:
        segmenter, smoother = Segmenter(engine, SegmentSettings()), TemporalSmoother(0.8)
        plain, smooth = [], []
        for frame in islice(open_source(str(WALK)), 25):
            seen = segmenter.preprocess(frame.image_hwc)
            result = segmenter.infer(seen)[0]
            plain.append(result.class_map_hw)
            smooth.append(smoother.smooth(seen, result, frame.time_s).class_map_hw)
    finally:
        engine.close()
    assert len(plain) == 25
    assert flicker(smooth) < 0.8 * flicker(plain)
    # Three quarters of the 2.7 % that weights with more flicker had: no more is left with any.
    assert flicker(smooth) < 0.02
