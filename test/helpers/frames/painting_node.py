# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Run the segmentation node with an engine on the CPU that paints pictures, as those on a GPU do.

It prints what each frame asks for. The node is started by `python -m painting_node`.
"""

import sys

from rtformer_ros.engines.frames.painting import PICTURES
from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine
from rtformer_ros.ros.programs import segmentation_node

RUN = OnnxRuntimeEngine._run_frame


def run(engine, frame):
    result = RUN(engine, frame)
    print(f'painted: {sorted(result.pictures)}', flush=True)
    return result


if __name__ == '__main__':
    OnnxRuntimeEngine.frame_pictures = PICTURES
    OnnxRuntimeEngine._run_frame = run
    sys.exit(segmentation_node.main())
