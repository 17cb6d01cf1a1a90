# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Figures of a run; the module lives beside the nodes but needs no ROS."""

import numpy as np
import pytest
from rtformer_ros.ros.programs.result_record import ResultRecord

MS = 1_000_000


def test_summary_of_a_run():
    record = ResultRecord(sent_ns={i * 100 * MS for i in range(10)}, image_size=(480, 640))
    for index, latency_ms in enumerate([10, 20, 30, 40, 50]):
        stamp_ns = index * 200 * MS
        record.add_mask(stamp_ns, stamp_ns + latency_ms * MS, np.full((4, 6), index, np.uint8))
    record.add_mask(77, 2000 * MS, np.full((4, 6), 255, np.uint8))
    summary = record.summary('')
    assert summary['frames_sent'] == 10
    assert summary['masks_received'] == 6
    assert summary['masks_of_unknown_frames'] == 1
    assert summary['latency_ms'] == pytest.approx({'p50': 30, 'p95': 48, 'max': 50})
    # Six masks, the first at 10 ms and the last at 2000 ms.
    assert summary['fps'] == pytest.approx(5 / 1.99)
    assert summary['image_size'] == [640, 480]
    assert summary['mask_size'] == [6, 4]
    assert summary['class_ids'] == [0, 1, 2, 3, 4, 255]


@pytest.mark.parametrize('masks', [0, 1])
def test_summary_of_next_to_nothing(masks):
    record = ResultRecord(sent_ns={0})
    for _ in range(masks):
        record.add_mask(0, 5 * MS, np.zeros((2, 2), np.uint8))
    summary = record.summary('no camera')
    assert summary['error'] == 'no camera'
    assert summary['fps'] == 0
    assert summary['latency_ms']['p50'] == (pytest.approx(5) if masks else None)
