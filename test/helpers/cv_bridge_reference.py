# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Convert images with cv_bridge; run by test_encodings.py in the system's Python, as a script."""

import json
import sys
from types import SimpleNamespace

from cv_bridge import CvBridge, CvBridgeError
import numpy as np


def convert(bridge, case):
    message = SimpleNamespace(
        encoding=case['encoding'],
        height=case['height'],
        width=case['width'],
        step=case['step'],
        is_bigendian=0,
        data=bytes(case['data']),
    )
    try:
        return np.asarray(bridge.imgmsg_to_cv2(message, 'rgb8')).tolist()
    except (CvBridgeError, TypeError, KeyError):
        return None


if __name__ == '__main__':
    cv_bridge = CvBridge()
    json.dump([convert(cv_bridge, case) for case in json.load(sys.stdin)], sys.stdout)
