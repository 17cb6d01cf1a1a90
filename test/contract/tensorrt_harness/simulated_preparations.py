# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the builder and the cache of plans would give."""

from rtformer_ros.engines.tensorrt.build import find_or_build
from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.engines.tensorrt.plans.key import PlanKey, Target
from rtformer_ros.engines.tensorrt.plans.record import PlanRecord
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import ModelMetadata

from tensorrt_harness.simulated_plan import HEIGHT, WIDTH

FIVE = LabelSet.generic(5, 'five')
TARGET = Target('10.3.0.26', Gpu('Orin', '8.7', 16))


def prepared(request, *, is_new, frames=b'frames'):
    encoding = request.frame_encoding
    key = PlanKey('0' * 64, TARGET, 'fp16', 1024, 3, 1, frame_encoding=encoding)
    record = PlanRecord(key, 'm.onnx', '0' * 64, 4, 'fp16', 3, 1.0, 12.3, '', {}, True)
    metadata = ModelMetadata(labels=FIVE, height=HEIGHT, width=WIDTH)
    content = frames if encoding else b'plan'
    return find_or_build.PreparedPlan(content, None, record, metadata, is_new)


class Preparations:
    """
    Takes the place of the builder and the cache.

    is_new: which of them gives the plan; failure: what comes of that for frames instead; frames:
    what the plan for these is.
    """

    def __init__(self):
        self.is_new = False
        self.failure = None
        self.frames = b'frames'
        self.forced, self.discarded = [], 0

    def discard_plan(self, plan):
        assert not plan.is_new
        self.discarded += 1

    def prepare_plan(self, request, *, target, force=False):
        assert target == TARGET
        if self.failure and request.frame_encoding:
            raise self.failure
        self.forced.append(force)
        return prepared(request, is_new=self.is_new or force, frames=self.frames)
