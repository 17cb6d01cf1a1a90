# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Agreement of a plan with its model, which ONNX Runtime runs, on real images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.bundled_images import bundled_images
from rtformer_ros.engines.fp32_model import fp32_model
from rtformer_ros.engines.frames.camera_frame import CameraFrame
from rtformer_ros.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest

LEAST_AGREEMENT = {'fp32': 0.99, 'fp16': 0.99, 'int8': 0.95}
"""Below this share of equal pixels a plan of that precision is refused."""


@dataclass(frozen=True)
class Reference:
    """
    Real images at a model's size and the classes that ONNX Runtime sees there.

    images_nhwc: uint8 [N, H, W, 3], RGB; class_map_nhw: uint8 [N, H, W]; num_classes: of the
    model.
    """

    images_nhwc: npt.NDArray[np.uint8]
    class_map_nhw: npt.NDArray[np.uint8]
    num_classes: int

    def repeated(self, count: int) -> Reference:
        """Return `count` images, which are these in turn, again and again."""
        index = np.arange(count) % len(self.images_nhwc)
        return replace(
            self, images_nhwc=self.images_nhwc[index], class_map_nhw=self.class_map_nhw[index]
        )

    def agreement_of(self, class_map_nhw: npt.NDArray[np.uint8]) -> float:
        """
        Return the share of pixels, 0..1, on which a result agrees, of the image where it is worst.

        Raises ModelError for a result of another shape.
        """
        if class_map_nhw.shape != self.class_map_nhw.shape:
            raise ModelError(
                f'the plan returns classes {list(class_map_nhw.shape)}; expected '
                f'{list(self.class_map_nhw.shape)}'
            )
        return float((class_map_nhw == self.class_map_nhw).mean(axis=(1, 2)).min())


@dataclass(frozen=True)
class FrameReference:
    """
    Frames of a camera with real images, and the classes that ONNX Runtime sees there.

    class_maps_hw: uint8 [H, W] of each, at the frame's size.
    """

    frames: tuple[CameraFrame, ...]
    class_maps_hw: tuple[npt.NDArray[np.uint8], ...]

    def agreement_of(self, class_maps_hw: Sequence[npt.NDArray[np.uint8]]) -> float:
        """
        Return the share of pixels, 0..1, on which results agree, of the frame where it is worst.

        Raises ModelError for results of another shape.
        """
        shares = []
        for found, expected in zip(class_maps_hw, self.class_maps_hw, strict=True):
            if found.shape != expected.shape:
                raise ModelError(
                    f'the plan returns classes {list(found.shape)}; expected '
                    f'{list(expected.shape)}'
                )
            shares.append(float((found == expected).mean()))
        return min(shares)


def frame_reference_of(request: EngineRequest) -> FrameReference:
    """
    Run frames with the bundled images through ONNX Runtime on the CPU.

    request: names the ONNX file and the encoding of the frames. Their size is that of the network
    times one and a half, so that both ways are resized. Raises what reference_of does, ModelError
    for a model that takes no frames.
    """
    # Both import libraries, which a process that only runs plans does without.
    from rtformer_ros.engines.frames.picture_frame import picture_frame
    from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine

    with (
        fp32_model(request.model) as model,
        closing(OnnxRuntimeEngine.open(replace(request, model=model))) as engine,
    ):
        if not engine.frame_encodings:
            raise ModelError(f'{request.model.name} takes no frames as they come')
        network = engine.description.height, engine.description.width
        # Even, as YUV has it.
        height, width = (length * 3 // 4 * 2 for length in network)
        frames = tuple(
            picture_frame(image_hwc, request.frame_encoding, network)
            for image_hwc in bundled_images((height, width))
        )
        return FrameReference(
            frames, tuple(engine.infer_frame(frame).class_map_hw for frame in frames)
        )


def reference_of(request: EngineRequest) -> Reference:
    """
    Run the bundled images through ONNX Runtime on the CPU.

    request: names the ONNX file, its labels and size.
    Raises ModelError for a file that is no such model, EngineError where the images are missing,
    ImportError without onnx or ONNX Runtime.
    """
    # Imports onnxruntime, which a process that only runs plans does without.
    from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine

    with (
        fp32_model(request.model) as model,
        closing(OnnxRuntimeEngine.open(replace(request, model=model))) as engine,
    ):
        described = engine.description
        images_nhwc = bundled_images((described.height, described.width))
        class_map_nhw = engine.infer(images_nhwc).class_map_nhw
        return Reference(images_nhwc, class_map_nhw, len(described.labels))
