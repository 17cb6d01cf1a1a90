# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Agreement: on how many pixels OpenVINO sees the same classes of a model as ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
import logging
from typing import TYPE_CHECKING

from rtformer_ros.engines.bundled_images import bundled_images
from rtformer_ros.engines.openvino.model import CompiledModel, OpenVinoModel
from rtformer_ros.engines.openvino.trial_record import record_agreement, recorded_agreement
from rtformer_ros.engines.tensor_format import segment_images
from rtformer_ros.errors import EngineError
from rtformer_ros.segmentation import UNLABELED_ID

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.model_metadata import ModelMetadata

_logger = logging.getLogger(__name__)


class AgreementTrial:
    """A model that is tried on the bundled photographs, in one precision after the other."""

    def __init__(
        self,
        model: OpenVinoModel,
        device: str,
        metadata: ModelMetadata,
        size: tuple[int, int],
        request: EngineRequest,
    ) -> None:
        """
        Take a model that was read.

        device: as of OpenVinoModel.compile; size: (height, width) in pixels; request: names the
        model's file.
        """
        self._model = model
        self._device = device
        self._metadata = metadata
        self._size = size
        self._request = request
        self._compiled: dict[tuple[tuple[str, object], ...], CompiledModel] = {}

    def compiled(self, settings: Mapping[str, object]) -> CompiledModel:
        """Return the model, compiled once with these settings, which are OpenVINO's."""
        key = tuple(sorted(settings.items()))
        if key not in self._compiled:
            self._compiled[key] = self._model.compile(
                self._device, settings, self._size, self._metadata.input
            )
        return self._compiled[key]

    def agreement_of(self, settings: Mapping[str, object]) -> float:
        """
        Return the share of pixels, 0..1, with the class that ONNX Runtime sees there.

        settings: OpenVINO's, with the hint of a precision. It is measured once for a file, a
        version of OpenVINO and a precision, and then read from its record. Without ONNX Runtime,
        OpenVINO's own FP32 is compared with; without photographs it is 0.
        """
        hint = str(settings['INFERENCE_PRECISION_HINT'])
        if (recorded := recorded_agreement(self._request, hint)) is not None:
            return recorded
        try:
            images_nhwc = bundled_images(self._size)
        except EngineError as error:
            _logger.warning('nothing says whether OpenVINO sees the right classes: %s', error)
            return 0.0
        # Side by side: it is the first start that waits for both.
        with ThreadPoolExecutor(1) as pool:
            reference = pool.submit(self._reference, images_nhwc, settings)
            own = self._class_maps(images_nhwc, settings)
            agreement = float((own == reference.result()).mean())
        record_agreement(self._request, hint, agreement)
        return agreement

    def _reference(
        self, images_nhwc: npt.NDArray[np.uint8], settings: Mapping[str, object]
    ) -> npt.NDArray[np.uint8]:
        try:
            # Imports onnxruntime, which this engine does without.
            from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine
        except ImportError:
            return self._class_maps(images_nhwc, {**settings, 'INFERENCE_PRECISION_HINT': 'f32'})
        request = replace(self._request, engine='onnxruntime', device='cpu', precision='auto')
        with closing(OnnxRuntimeEngine.open(request)) as engine:
            return engine.infer(images_nhwc).class_map_nhw

    def _class_maps(
        self, images_nhwc: npt.NDArray[np.uint8], settings: Mapping[str, object]
    ) -> npt.NDArray[np.uint8]:
        compiled = self.compiled(settings)
        return segment_images(compiled, self._metadata, images_nhwc, UNLABELED_ID).class_map_nhw
