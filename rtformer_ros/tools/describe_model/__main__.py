# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Say how another program's ONNX model is fed and what it returns, and try that on a picture.

    python -m rtformer_ros.tools.describe_model MODEL.onnx PICTURE --write
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
import sys
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.engines import EngineDescription, EngineRequest
from rtformer_ros.engines.sidecar import sidecar_path
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.labels.palette import palette_rgb
from rtformer_ros.model_metadata import has_metadata
from rtformer_ros.tools.command_line import parse_size, run_tool

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.engines.onnx_session import OnnxSession
    from rtformer_ros.tools.describe_model.description import Description

_SHOWN_CLASSES = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    return run_tool('describe_model', lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='describe_model',
        description="Guess the sidecar of another program's segmentation model, with a reason for "
        'each line; run it on a picture.',
    )
    parser.add_argument('model', metavar='MODEL.onnx', help='a path')
    parser.add_argument('picture', nargs='?', type=Path, metavar='PICTURE', help='to run it on')
    parser.add_argument('--size', default='', metavar='HxW', help='for a model that takes any')
    parser.add_argument(
        '--write', action='store_true', help='write MODEL.yaml, where there is none yet'
    )
    parser.add_argument('--force', action='store_true', help='write it over one that is there')
    parser.add_argument(
        '--overlay', type=Path, metavar='FILE', help='PNG to write; default: MODEL_overlay.png'
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    # Imported here, so that --help works without ONNX Runtime and onnx.
    from rtformer_ros.engines.onnx_session import OnnxSession
    from rtformer_ros.imaging.codecs import read_image_file
    from rtformer_ros.tools.describe_model.description import describe

    path = find_model(options.model)
    if path.suffix != '.onnx':
        raise ConfigError(f'{path.name} is no ONNX file; only such files have a sidecar')
    size = parse_size(options.size)
    if options.write:
        _check_writable(path, is_forced=options.force)
    image_hwc = read_image_file(options.picture) if options.picture else None
    session = OnnxSession(EngineRequest(path, 'onnxruntime', device='cpu'))
    if has_metadata(session.properties):
        raise ModelError(f'{path} describes itself; it needs no sidecar, which would not be read')
    description = describe(path, session, image_hwc, size)
    print('\n'.join(_report(path, description)))
    if options.write:
        sidecar = sidecar_path(path)
        write_atomically(sidecar, description.sidecar().encode())
        print(f'wrote {sidecar}')
    if image_hwc is not None:
        overlay = options.overlay or path.with_name(f'{path.stem}_overlay.png')
        _write_overlay(path, session, description, image_hwc, overlay)
    return 0


def _check_writable(model: Path, *, is_forced: bool) -> None:
    sidecar = sidecar_path(model)
    if sidecar.exists() and not is_forced:
        raise ConfigError(f'{sidecar} is there already; leave --write out, or add --force')


def _report(path: Path, description: Description) -> Iterator[str]:
    yield f'{path}: run at {description.width}x{description.height} (width x height)'
    yield from description.notes
    for guess in description.guesses:
        value = guess.value
        if isinstance(value, dict):
            value = f'{len(value["classes"])} classes, class_0 and so on'
        yield f'{guess.key}: {value}'
        yield f'    because {guess.reason}'
        if guess.doubt:
            yield f'    or: {guess.doubt}'
    yield f'\n{sidecar_path(path).name}:\n'
    yield description.sidecar()


def _write_overlay(
    path: Path,
    session: OnnxSession,
    description: Description,
    image_hwc: npt.NDArray[np.uint8],
    overlay: Path,
) -> None:
    """Run the picture as the node would, write the overlay and print what is seen."""
    from rtformer_ros.drawing.rendering import Rendering, RenderSettings
    from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine
    from rtformer_ros.imaging.codecs import encode_png
    from rtformer_ros.segmenter import Segmenter, SegmentSettings

    labels, size = description.labels, (description.height, description.width)
    described = EngineDescription('onnxruntime', 'cpu', path, *size, labels)
    engine = OnnxRuntimeEngine(described, session, description.metadata)
    segmentation = Segmenter(engine, SegmentSettings()).segment(image_hwc)
    rendering = Rendering(RenderSettings(palette_rgb(labels)), image_hwc, segmentation)
    picture_hwc = np.empty((*rendering.size, 3), np.uint8)
    rendering.overlay(picture_hwc)
    write_atomically(overlay, encode_png(picture_hwc).tobytes())
    print('\n'.join(_seen(segmentation.class_map_hw, labels.names)))
    print(f'mean confidence {float(segmentation.confidence_hw.mean()) / 255:.0%}')
    print(f'wrote {overlay}')


def _seen(class_map_hw: npt.NDArray[np.uint8], names: Sequence[str]) -> Iterator[str]:
    """Yield the classes that take most of a picture, and how much."""
    counts = [(int((class_map_hw == index).sum()), name) for index, name in enumerate(names)]
    left = class_map_hw.size - sum(count for count, _ in counts)
    present = sorted((each for each in (*counts, (left, 'unlabelled')) if each[0]), reverse=True)
    for count, name in present[:_SHOWN_CLASSES]:
        yield f'{count / class_map_hw.size:7.1%} {name}'
    if len(present) > _SHOWN_CLASSES:
        yield f'        and {len(present) - _SHOWN_CLASSES} more classes'


if __name__ == '__main__':
    sys.exit(main())
