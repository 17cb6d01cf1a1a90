"""Agreement of a plan with its model, which ONNX Runtime runs, on real images."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rtformer_ros.engines.fp32_model import fp32_model
from rtformer_ros.errors import EngineError, ModelError
from rtformer_ros.files.packaged_files import share_directories

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from rtformer_ros.engines.request import EngineRequest

_IMAGES = ('samples/leuven_a.jpg', 'samples/leuven_b.jpg')

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


def bundled_images(size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return two street photographs at `size` (height, width), uint8 [2, h, w, 3], RGB."""
    # Both import cv2.
    from rtformer_ros.imaging.codecs import read_image_file
    from rtformer_ros.imaging.resize import place, to_network

    images_nhwc = np.empty((len(_IMAGES), *size, 3), np.uint8)
    for image_hwc, path in zip(images_nhwc, bundled_paths(), strict=True):
        photo_hwc = read_image_file(path)
        height, width, _ = photo_hwc.shape
        image_hwc[:] = to_network(photo_hwc, place((height, width), size, 'stretch'), image_hwc)
    return images_nhwc


def bundled_paths() -> list[Path]:
    """Return the files of the photographs; raises EngineError where they are not installed."""
    return [_find_image(name) for name in _IMAGES]


def _find_image(name: str) -> Path:
    candidates = [share / name for share in share_directories()]
    for path in candidates:
        if path.is_file():
            return path
    raise EngineError(
        f'the image {name} that plans are tried on is missing; looked for '
        f'{", ".join(map(str, candidates))}. Install rtformer_ros again'
    )
