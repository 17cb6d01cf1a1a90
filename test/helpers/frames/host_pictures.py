# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures that an engine painted, held against those that the host draws of the same mask."""

from dataclasses import replace

import numpy as np
from rtformer_ros.drawing.class_colors import overlay_opacity
from rtformer_ros.drawing.rendering import Rendering, RenderSettings
from rtformer_ros.engines.frames.painting import Painting

_RNG = np.random.default_rng(11)
LOOKS = RenderSettings(
    _RNG.integers(0, 256, (256, 3), dtype=np.uint8), np.arange(256) % 3 > 0, overlay_alpha=0.37
)
OTHER_LOOKS = replace(LOOKS, palette_rgb=255 - LOOKS.palette_rgb, overlay_alpha=0.8)


def painting_of(looks):
    """Return what an engine is given, as the node does it."""
    return Painting(looks.palette_rgb, overlay_opacity(looks.overlay_alpha, looks.shown_ids))


def assert_pictures(result, image_hwc, looks=LOOKS, names=('color_mask', 'overlay')):
    """
    Check that these pictures are there and no others: colours equal, overlays within one level.

    image_hwc: the frame as the host decodes it.
    """
    assert result.pictures.keys() == set(names)
    host = Rendering(looks, image_hwc, replace(result, pictures={}))
    for name, most in (('color_mask', 0), ('overlay', 1)):
        if name in names:
            expected_hwc = np.empty((*host.size, 3), np.uint8)
            getattr(host, name)(expected_hwc)
            painted_hwc = result.pictures[name]
            assert (painted_hwc.shape, painted_hwc.dtype) == (expected_hwc.shape, np.uint8)
            assert np.abs(painted_hwc.astype(int) - expected_hwc).max() <= most, name
