# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Description of a model: all guesses, tried on the model, and the sidecar that they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import json
import re
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines import EngineRequest
from rtformer_ros.engines.model_outputs import check_outputs
from rtformer_ros.engines.tensor_format import encode_images, wanted_outputs
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.imaging.resize import place, to_network
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.model_metadata import ModelMetadata
from rtformer_ros.tools.describe_model.graph_facts import GraphFacts, read_graph_facts
from rtformer_ros.tools.describe_model.input_guess import Guess, guess_input
from rtformer_ros.tools.describe_model.output_guess import guess_output, scale_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from rtformer_ros.engines.onnx_session import OnnxSession
    from rtformer_ros.labels.label_set import LabelSet

_LINE_WIDTH = 1 << 16
_PLAIN = re.compile(r'[\w./-]+', re.ASCII)


@dataclass(frozen=True)
class Description:
    """
    What was guessed of a model.

    guesses: lines of the sidecar; metadata: what they say; height, width: pixels that it is run
    at; labels: its classes; notes: what else there is to know.
    """

    guesses: tuple[Guess, ...]
    metadata: ModelMetadata
    height: int
    width: int
    labels: LabelSet
    notes: tuple[str, ...]

    def sidecar(self) -> str:
        """Return the content of the sidecar, with the reasons as comments."""
        lines = ['# Guessed by describe_model; lines after a question mark want a look.']
        is_input_open = False
        for guess in self.guesses:
            section, _, key = guess.key.rpartition('.')
            if section and not is_input_open:
                lines.append(f'{section}:')
                is_input_open = True
            margin = '  ' if section else ''
            lines += [f'{margin}# {guess.reason}']
            lines += [f'{margin}# ? {guess.doubt}'] if guess.doubt else []
            lines += [f'{margin}{line}' for line in _yaml(key, guess.value)]
        return '\n'.join([*lines, ''])


def describe(
    model: Path,
    session: OnnxSession,
    image_hwc: npt.NDArray[np.uint8] | None,
    asked_size: tuple[int, int] | None,
) -> Description:
    """
    Guess how a model is fed and what it returns, and see whether it runs so.

    session: the model. image_hwc: a picture that it is for, uint8 [h, w, 3], RGB; without one,
    noise does. asked_size: (height, width) in pixels for a model that takes any. Raises ModelError
    for a model that is described by no sidecar, EngineError where it does not run.
    """
    facts = read_graph_facts(model)
    picture_size = None if image_hwc is None else (image_hwc.shape[0], image_hwc.shape[1])
    lines, size = guess_input(
        session, facts, asked_size or picture_size, is_asked=asked_size is not None
    )
    fed = _metadata(lines)
    outputs = _run(session, fed, _trial_images(size, image_hwc))
    lines += guess_output(outputs, facts, size)
    metadata = _metadata(lines)
    request = EngineRequest(model, 'onnxruntime', device='cpu', network_size=size)
    wanted = wanted_outputs(session.output_names, metadata)
    chosen = check_outputs([outputs[name] for name in wanted], metadata, size, request)
    notes = list(_notes(outputs[wanted[0]], metadata, size, facts))
    return Description(tuple(lines), metadata, *size, chosen.labels, tuple(notes))


def _metadata(guesses: Sequence[Guess]) -> ModelMetadata:
    data: dict[str, Any] = {}
    for guess in guesses:
        section, _, key = guess.key.rpartition('.')
        (data.setdefault(section, {}) if section else data)[key] = guess.value
    if isinstance(data.get('labels'), str):
        data['labels'] = load_labels(find_labels(data['labels'])).to_dict()
    return ModelMetadata.from_dict(data, 'guess')


def _trial_images(
    size: tuple[int, int], image_hwc: npt.NDArray[np.uint8] | None
) -> list[npt.NDArray[np.uint8]]:
    images = [np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)]
    if image_hwc is not None:
        placement = place((image_hwc.shape[0], image_hwc.shape[1]), size, 'stretch')
        images.append(to_network(image_hwc, placement, np.empty((*size, 3), np.uint8)))
    return images


def _run(
    session: OnnxSession, fed: ModelMetadata, images: Sequence[npt.NDArray[np.uint8]]
) -> dict[str, npt.NDArray[Any]]:
    """Return all outputs by name, those of several images joined where they have a batch."""
    names = session.output_names
    runs = []
    for image_hwc in images:
        batch_nhwc = np.repeat(image_hwc[np.newaxis], session.input_shape[0] or 1, axis=0)
        tensor = encode_images(batch_nhwc, fed.input, session.input_dtype)
        runs.append([np.asarray(array) for array in session.run(tensor, names)])
    return {
        name: np.concatenate(arrays) if arrays[0].ndim else arrays[0]
        for name, arrays in zip(names, zip(*runs, strict=True), strict=True)
    }


def _notes(
    output: npt.NDArray[Any],
    metadata: ModelMetadata,
    size: tuple[int, int],
    facts: GraphFacts,
) -> Iterator[str]:
    if facts.producer:
        yield f'written by {facts.producer!r}'
    if output.ndim == 4 and metadata.output != 'class_index':
        scale = scale_of(output, metadata.output_layout, size)
        if scale:
            yield scale


def _yaml(key: str, value: Any) -> list[str]:
    import yaml

    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        return [f'{key}: {json.dumps(value)}']
    if not isinstance(value, dict):
        text = yaml.safe_dump(value, default_flow_style=True, width=_LINE_WIDTH)
        return [f'{key}: {text.splitlines()[0]}']
    text = yaml.safe_dump(value, default_flow_style=None, width=_LINE_WIDTH, sort_keys=False)
    return [f'{key}:', *(f'  {line}' for line in text.splitlines())]
