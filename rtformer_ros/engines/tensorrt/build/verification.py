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
from rtformer_ros.engines.frames.painting import OVERLAY, Painting, PICTURES
from rtformer_ros.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.segmentation import Segmentation

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

    class_maps_hw: uint8 [H, W] of each, at the frame's size; images_hwc: uint8 [H, W, 3], what the
    host makes of each, RGB. The frames ask for all pictures.
    """

    frames: tuple[CameraFrame, ...]
    class_maps_hw: tuple[npt.NDArray[np.uint8], ...]
    images_hwc: tuple[npt.NDArray[np.uint8], ...] = ()

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

    def wrong_pictures(self, results: Sequence[Segmentation]) -> dict[str, str]:
        """
        Return why a picture cannot be used, by its name; nothing where all are right.

        results: of the frames. Each is compared with what the host makes of the mask that came
        with it: colours are equal, overlays within one grey level.
        """
        found = {}
        for picture in sorted(PICTURES):
            for frame, image_hwc, result in zip(
                self.frames, self.images_hwc, results, strict=True
            ):
                reason = _fault(picture, frame, image_hwc, result)
                if reason:
                    found[picture] = reason
        return found


def _fault(
    picture: str, frame: CameraFrame, image_hwc: npt.NDArray[np.uint8], result: Segmentation
) -> str:
    """Return what is wrong with a picture, '' for nothing."""
    painting, painted_hwc = frame.painting, result.pictures.get(picture)
    assert painting is not None
    if painted_hwc is None:
        return 'it cannot be painted'
    expected = painting.palette_rgb[result.class_map_hw].astype(np.float32)
    if picture == OVERLAY:
        opacity = painting.opacity[result.class_map_hw][..., np.newaxis]
        expected = np.asarray(expected * opacity + image_hwc * (1 - opacity), np.float32)
    if painted_hwc.shape != expected.shape:
        return f'it is {list(painted_hwc.shape)}; expected {list(expected.shape)}'
    # Half a level more, as this is not rounded.
    most = 1.5 if picture == OVERLAY else 0.0
    worst = float(np.abs(painted_hwc - expected).max())
    return f'it is off by up to {worst:.0f} grey levels' if worst > most else ''


def _reference_painting() -> Painting:
    """Return colours that differ in all channels, and opacities that differ, too."""
    ids = np.arange(256)
    palette = np.stack([ids, 255 - ids, ids * 37 % 256], axis=1).astype(np.uint8)
    return Painting(palette, (ids % 5 / 4).astype(np.float32))


def frame_reference_of(request: EngineRequest) -> FrameReference:
    """
    Run frames with the bundled images through ONNX Runtime on the CPU.

    request: names the ONNX file and the encoding of the frames. Their size is that of the network
    times one and a half, so that both ways are resized. Raises what reference_of does, ModelError
    for a model that takes no frames.
    """
    # Both import libraries, which a process that only runs plans does without.
    from rtformer_ros.engines.frames.picture_frame import encoded_picture, picture_frame
    from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine
    from rtformer_ros.imaging.encodings import decode_image

    encoding, painting = request.frame_encoding, _reference_painting()
    with (
        fp32_model(request.model) as model,
        closing(OnnxRuntimeEngine.open(replace(request, model=model))) as engine,
    ):
        if not engine.frame_encodings:
            raise ModelError(f'{request.model.name} takes no frames as they come')
        network = engine.description.height, engine.description.width
        # Even, as YUV has it.
        height, width = (length * 3 // 4 * 2 for length in network)
        pictures = bundled_images((height, width))
        frames = tuple(picture_frame(image_hwc, encoding, network) for image_hwc in pictures)
        class_maps_hw = tuple(engine.infer_frame(frame).class_map_hw for frame in frames)
    images_hwc = tuple(
        decode_image(data, encoding, height, width, step, is_bigendian=False)
        for data, step in (encoded_picture(image_hwc, encoding) for image_hwc in pictures)
    )
    asked = tuple(replace(each, pictures=PICTURES, painting=painting) for each in frames)
    return FrameReference(asked, class_maps_hw, images_hwc)


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
