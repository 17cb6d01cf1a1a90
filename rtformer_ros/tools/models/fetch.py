# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Fetch a known model: download, convert, export, and try the result on a photograph."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
import sys
from tempfile import TemporaryDirectory
from typing import Literal
import zipfile

from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ConfigError, DigestError, ModelError
from rtformer_ros.files.http.download import Patience
from rtformer_ros.files.known_models import (
    fetched_model,
    FetchedModel,
    KnownModel,
    models_folder,
    record_path,
)
from rtformer_ros.files.packaged_files import find_labels, find_weights
from rtformer_ros.files.sha256 import sha256_of
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.tools.download import download_with_bar

ExportPrecision = Literal['fp32', 'fp16']

_MOST_BYTES = 1 << 29
_LEAST_AGREEMENT = 0.99


def weights_path(model: KnownModel) -> Path:
    """Return the file of a fetched model's weights, in our form."""
    return models_folder() / f'{model.name}.safetensors'


def fetch(model: KnownModel, size: tuple[int, int], precision: ExportPrecision) -> str:
    """
    Download, convert, export and try a model; return what to type next.

    size: (height, width) in pixels; precision: 'fp32' or 'fp16'. What is here already and has the
    recorded sha256 is not downloaded again; packaged weights are exported at another size or
    precision than the packaged files have. Raises ConfigError for a packaged model as it is,
    DownloadError where the file cannot be had or is not the one that was fetched before,
    ModelError for one that cannot be used.
    """
    if model.file:
        return _export_packaged(model, size, precision)
    source = _downloaded(model)
    _convert(model, source)
    if model.is_backbone:
        return (
            f'{weights_path(model)} is here; train from it:\n'
            f'  ros2 run rtformer_ros train --init {model.name} --variant {model.variant} '
            '--dataset folder --root DATA --labels LABELS.yaml --output runs/mine'
        )
    target = _export(weights_path(model), model.name, size, precision)
    _record(model, target.name)
    return _next_step(target, model.name, model.licence)


def _export_packaged(model: KnownModel, size: tuple[int, int], precision: ExportPrecision) -> str:
    if (*size, precision) == (model.height, model.width, 'fp32'):
        raise ConfigError(
            f'{model.name} comes with the package; it is used by name: '
            f'{_launch_command(model.name)}'
        )
    if Path(model.file).suffix != '.safetensors':
        raise ConfigError(
            f'{model.name} is a file of {model.height}x{model.width}; other sizes and precisions '
            'are made from weights: take a name that `models` lists without a size'
        )
    target = _export(find_weights(model.name), model.name, size, precision)
    return _next_step(target, target.stem, model.licence)


def _next_step(target: Path, name: str, licence: str) -> str:
    return (
        f'{target} is here; licence: {licence}. Run it:\n'
        f'  {_launch_command(name)}\n'
        f'or, while the node runs:\n'
        f'  ros2 param set /segmentation_node model {name}'
    )


def _launch_command(name: str) -> str:
    return f'ros2 launch rtformer_ros seg.launch.py image:=/camera/image_raw model:={name}'


def _downloaded(model: KnownModel) -> Path:
    """Return the file behind the model's url, and keep its digest."""
    source = models_folder() / f'{model.name}.source{Path(model.url).suffix}'
    earlier = fetched_model(model.name)
    recorded = earlier.sha256 if earlier and earlier.url == model.url else ''
    wanted = model.sha256 or recorded
    print(f'{model.name}: {model.url}', file=sys.stderr)
    try:
        download_with_bar(model.url, source, wanted or None, Patience(most_bytes=_MOST_BYTES))
    except DigestError as error:
        if model.sha256:
            raise
        raise DigestError(
            f'{error}. To take what the server has now, delete {record_path(model.name)}'
        ) from error
    if not recorded:
        FetchedModel(model.url, sha256_of(source)).save(model.name)
    return source


def _record(model: KnownModel, exported: str) -> None:
    fetched = fetched_model(model.name)
    if fetched is not None:
        replace(fetched, model=exported).save(model.name)


def _convert(model: KnownModel, source: Path) -> None:
    from rtformer_ros.network.weights.conversion import convert_weights

    labels = load_labels(find_labels(model.labels)) if model.labels else None
    with TemporaryDirectory(dir=models_folder()) as folder:
        weights = _unpacked(source, Path(folder)) if source.suffix == '.zip' else source
        made = Path(folder) / weights_path(model).name
        found = convert_weights(weights, made, labels=labels, origin=model.url)
        if found.variant != model.variant or (found.num_classes is None) != model.is_backbone:
            what = 'backbone' if found.num_classes is None else 'network'
            raise ModelError(
                f'{source} holds a {what} of {found.variant}; the list says {model.task}, '
                f'{model.variant}'
            )
        made.replace(weights_path(model))


def _unpacked(archive: Path, folder: Path) -> Path:
    """Return the weights in a zip file, written to `folder` under a name of ours."""
    target = folder / 'model.pdparams'
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [each for each in opened.namelist() if each.endswith('.pdparams')]
            if len(names) != 1:
                raise ModelError(f'{archive} holds {len(names)} .pdparams files; expected one')
            with opened.open(names[0]) as file:
                # What a header says of its size is not to be trusted.
                content = file.read(_MOST_BYTES + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise ModelError(
            f'{archive} cannot be unpacked: {error}; delete it and fetch it again'
        ) from (error)
    if len(content) > _MOST_BYTES:
        raise ModelError(f'{archive} unpacks to more than {_MOST_BYTES} bytes; it is not used')
    target.write_bytes(content)
    return target


def _export(
    weights: Path, model_name: str, size: tuple[int, int], precision: ExportPrecision
) -> Path:
    """Write the ONNX file under its final name once it was tried."""
    from rtformer_ros.deploy.export import export_onnx

    height, width = size
    ending = '' if precision == 'fp32' else f'_{precision}'
    name = f'{model_name}_{height}x{width}{ending}.onnx'
    models_folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=models_folder()) as folder:
        made = Path(folder) / name
        export_onnx(weights, made, height, width, precision=precision)
        agreement = _agreement(weights, made, size)
        if agreement < _LEAST_AGREEMENT:
            raise ModelError(
                f'{name} and its weights see the same class on {100 * agreement:.2f} % of the '
                f'pixels of a bundled photograph; expected {100 * _LEAST_AGREEMENT:g} %. It is '
                'not kept; try --precision fp32'
            )
        print(f'tried on a photograph: {100 * agreement:.2f} % as the weights', file=sys.stderr)
        made.replace(models_folder() / name)
    return models_folder() / name


def _agreement(weights: Path, exported: Path, size: tuple[int, int]) -> float:
    """Return the share of pixels, 0..1, that both see alike on a bundled photograph."""
    from rtformer_ros.engines.bundled_images import bundled_images

    images_nhwc = bundled_images(size)[:1]
    maps = []
    for path, engine in ((weights, 'torch'), (exported, 'onnxruntime')):
        request = EngineRequest(path, engine, device='cpu', network_size=size)
        with closing(open_engine(request)) as opened:
            maps.append(opened.infer(images_nhwc).class_map_nhw)
    return float((maps[0] == maps[1]).mean())
