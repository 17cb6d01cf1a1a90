# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from rtformer_ros.ros.input.image_hint import Reminder


def test_a_warning_is_due_after_5_s_and_then_every_30_s():
    reminder = Reminder()
    due = [second for second in range(100, 200) if reminder.is_due(second, second - 100)]
    assert due == [105, 135, 165, 195]


def test_images_that_come_need_no_warning():
    reminder = Reminder()
    assert not any(reminder.is_due(second, second % 5) for second in range(1000))


def test_a_camera_that_comes_and_goes_is_warned_of_every_30_s_at_most():
    reminder = Reminder()
    due = [second for second in range(100) if reminder.is_due(second, second % 10)]
    assert due == [5, 35, 65, 95]
