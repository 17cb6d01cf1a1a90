# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Under load a new configuration waits for the frame that is being made, and for no other."""

import threading
import time

from rtformer_ros.ros.frames.config import CurrentConfig

FRAME_S = 0.02
TRIES = 40


def test_a_replacement_comes_after_the_frame_that_is_being_made():
    current = CurrentConfig()
    frames, ends = [0], threading.Event()

    def make_frames_without_a_pause() -> None:
        while not ends.is_set():
            with current.in_use():
                frames[0] += 1
                time.sleep(FRAME_S)

    worker = threading.Thread(target=make_frames_without_a_pause)
    worker.start()
    waited = []
    for _ in range(TRIES):
        time.sleep(FRAME_S / 2)
        before = frames[0]
        current.replace(None)
        waited.append(frames[0] - before)
    ends.set()
    worker.join()
    # One more, as the thread that replaces may be late itself.
    assert max(waited) <= 2, waited
