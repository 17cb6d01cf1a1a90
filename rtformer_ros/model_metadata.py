# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Say what a model file holds and how it is fed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
import json
import math
import re
from typing import Any, get_args, Literal

from rtformer_ros.errors import ConfigError, kind_of, listed, ModelError, quoted
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.labels.label_set import LabelSet

Layout = Literal['nhwc_uint8', 'nchw_uint8', 'nhwc_float', 'nchw_float']
ChannelOrder = Literal['rgb', 'bgr', 'grey']
OutputKind = Literal['class_map_confidence', 'logits', 'probabilities', 'sigmoid', 'class_index']
OutputLayout = Literal['nchw', 'nhwc']
Triple = tuple[float, float, float]

_PREFIX = 'rtformer_ros.'
_FORMAT = '1'
_MOST_PIXELS = 1 << 14
_MOST_TEXT_CHARACTERS = 10_000

HALF_QUANTISED = f'{_PREFIX}half_quantised'
"""A property, of any value, of files that quantise from half precision."""

QUANTISED_FROM = f'{_PREFIX}quantised_from'
"""A property of INT8 files: the sha256, in hex, of the model file that they were made from."""

_TEXT_KEYS = ('variant', 'checkpoint_sha256', 'exporter', 'description', 'output')
_WORD_KEYS = ('output_layout', 'output_name')
_KEYS = (*_TEXT_KEYS, *_WORD_KEYS, 'labels', 'height', 'width', 'input')
_SIDECAR_KEYS = (*_KEYS, 'size')
_INPUT_KEYS = ('layout', 'channel_order', 'scale', 'mean', 'std')


@dataclass(frozen=True)
class InputFormat:
    """
    How pixels become the input of a model.

    layout: '..._uint8' takes pixels as they are (the model scales them itself); '..._float' takes
    (pixel * scale - mean) / std; 'nhwc_...' has the channels last.
    channel_order: order of the model's channels, which is also the order of mean and std; 'grey'
    is one channel of brightness, for which the three numbers of mean and of std are the same.
    scale: 1/255 brings pixels to 0..1, the units of mean and std.
    """

    layout: Layout = 'nhwc_uint8'
    channel_order: ChannelOrder = 'rgb'
    scale: float = 1 / 255
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        """Raise ConfigError for what would lose the picture, or is not of a grey one."""
        if self.scale <= 0 or min(self.std) <= 0:
            raise ConfigError(
                f'scale is {self.scale} and std is {list(self.std)}; expected numbers above 0'
            )
        if self.channels == 1 and (len({*self.mean}) > 1 or len({*self.std}) > 1):
            raise ConfigError(
                f'channel_order is grey, mean is {list(self.mean)} and std is {list(self.std)}; '
                'expected one number each'
            )

    @property
    def channels(self) -> int:
        """Return how many channels the input has."""
        return 1 if self.channel_order == 'grey' else 3

    @property
    def has_channels_last(self) -> bool:
        """Return whether the input is [N, H, W, channels] and not [N, channels, H, W]."""
        return self.layout.startswith('nhwc')

    def image_shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """Return the shape of one image of a size, (height, width), in the input."""
        height, width = size
        if self.has_channels_last:
            return height, width, self.channels
        return self.channels, height, width

    @property
    def takes_bytes(self) -> bool:
        """Return whether the input is uint8 and not floating point."""
        return self.layout.endswith('uint8')

    @classmethod
    def from_dict(cls, data: Any, source: str) -> InputFormat:
        """
        Build a format from plain data; keys are the fields, all may be left out.

        source: file and key, for errors. Raises ConfigError, naming the key at fault.
        """
        _refuse_unknown(data, _INPUT_KEYS, source)
        values: dict[str, Any] = {}
        for key, choices in (('layout', Layout), ('channel_order', ChannelOrder)):
            if key in data:
                values[key] = _one_of(data[key], choices, f'{source}: {key}')
        for key in ('mean', 'std'):
            if key in data:
                values[key] = _triple(data[key], f'{source}: {key}')
        if 'scale' in data:
            values['scale'] = _number(data['scale'], f'{source}: scale')
        try:
            return cls(**values)
        except ConfigError as error:
            raise ConfigError(f'{source}: {error}') from error


@dataclass(frozen=True)
class ModelMetadata:
    """
    What a model file says about itself.

    labels: its classes, None where the file does not say. variant: 'slim', 'base', or '' for
    another network. height, width: pixels of the network's input, 0 where the file does not say;
    of a model that takes any size, those that it is run at where nobody names others.
    checkpoint_sha256: hex digest of the weights file it was made from. exporter: name and version
    of the program that wrote it. description: free text ('untrained: random weights').
    output: 'class_map_confidence' is uint8 class ids and uint8 confidences [N, H, W], 'logits' is
    float [N, classes, h, w], 'probabilities' the same behind a softmax, 'sigmoid' behind a
    sigmoid, with one channel for two classes or one channel a class; 'class_index' is whole
    numbers, of any type, [N, H, W] or [N, 1, H, W]. output_layout: 'nhwc' where the channels of
    the output come last. output_name: which of several outputs that is, '' for the first.
    """

    labels: LabelSet | None = None
    variant: str = ''
    height: int = 0
    width: int = 0
    checkpoint_sha256: str = ''
    exporter: str = ''
    description: str = ''
    input: InputFormat = field(default_factory=InputFormat)
    output: OutputKind = 'class_map_confidence'
    output_layout: OutputLayout = 'nchw'
    output_name: str = ''

    def to_properties(self) -> dict[str, str]:
        """Return the text properties to store in a model file; `from_properties` reads them."""
        values: dict[str, Any] = {key: getattr(self, key) for key in _TEXT_KEYS}
        if self.output_layout != 'nchw':
            values['output_layout'] = self.output_layout
        if self.output_name:
            values['output_name'] = self.output_name
        values['labels'] = json.dumps(self.labels.to_dict() if self.labels else None)
        values['input'] = json.dumps(asdict(self.input))
        values.update(height=str(self.height), width=str(self.width), format=_FORMAT)
        return {_PREFIX + key: values[key] for key in sorted(values)}

    @classmethod
    def from_properties(
        cls, properties: Mapping[str, str], source: str = 'model metadata'
    ) -> ModelMetadata:
        """
        Read what `to_properties` wrote; properties of other programs are left alone.

        source: the file, for errors. Raises ModelError, naming the property at fault.
        """
        version = properties.get(f'{_PREFIX}format')
        if version != _FORMAT:
            raise ModelError(
                f"{source}: the property '{_PREFIX}format' is {quoted(version)}; expected "
                f"'{_FORMAT}'. "
                'Export the model again with this version of rtformer_ros'
            )
        keys = [key for key in _KEYS if _PREFIX + key in properties]
        try:
            return cls.from_dict(
                {key: _property_value(properties[_PREFIX + key], key, source) for key in keys},
                source,
            )
        except ConfigError as error:
            raise ModelError(f'{error} (in the properties {_PREFIX}*: export it again)') from error

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], source: str) -> ModelMetadata:
        """
        Build metadata from plain data; keys are the fields, all may be left out.

        labels: as LabelSet.from_dict takes them. input: a mapping of the fields of InputFormat.
        size: 'WIDTHxHEIGHT' in pixels, in place of height and width.
        source: the file, for errors. Raises ConfigError, naming the key at fault.
        """
        _refuse_unknown(data, _SIDECAR_KEYS, source)
        values: dict[str, Any] = {
            key: _text(data[key], f'{source}: {key}')
            for key in (*_TEXT_KEYS, 'output_name')
            if key in data
        }
        values.update(_size(data, source))
        if data.get('labels') is not None:
            values['labels'] = LabelSet.from_dict(data['labels'], f'{source}: labels')
        if 'input' in data:
            values['input'] = InputFormat.from_dict(data['input'], f'{source}: input')
        for key, choices in (('output', OutputKind), ('output_layout', OutputLayout)):
            if key in data:
                values[key] = _one_of(data[key], choices, f'{source}: {key}')
        return cls(**values)


def has_metadata(properties: Mapping[str, str]) -> bool:
    """Return whether a model file's properties hold metadata of this package."""
    return f'{_PREFIX}format' in properties


def _property_value(text: str, key: str, source: str) -> Any:
    if key in (*_TEXT_KEYS, *_WORD_KEYS):
        return text
    return parse_json(text, f'{source}: {key}')


def _refuse_unknown(data: Any, known: Collection[str], where: str) -> None:
    if not isinstance(data, Mapping):
        raise ConfigError(f'{where}: expected a mapping with keys of {", ".join(known)}')
    unknown = [str(key) for key in data if key not in known]
    if unknown:
        raise ConfigError(
            f'{where}: unknown key(s) {listed(unknown)}; expected {", ".join(known)}'
        )


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f'{where} is {kind_of(value)}; expected text')
    if len(value) > _MOST_TEXT_CHARACTERS:
        raise ConfigError(
            f'{where} has {len(value)} characters; expected at most {_MOST_TEXT_CHARACTERS}'
        )
    return value


def _pixels(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_PIXELS:
        raise ConfigError(
            f'{where} is {kind_of(value)}; expected a number of pixels up to {_MOST_PIXELS}, or 0 '
            'if unknown'
        )
    return value


def _size(data: Mapping[str, Any], source: str) -> dict[str, int]:
    sides = {key: _pixels(data.get(key, 0), f'{source}: {key}') for key in ('height', 'width')}
    if 'size' not in data:
        return sides
    match = re.fullmatch(r'([1-9]\d{0,4})x([1-9]\d{0,4})', str(data['size']))
    if match is None:
        raise ConfigError(
            f'{source}: size is {kind_of(data["size"])}; expected WIDTHxHEIGHT in pixels, for '
            'example 640x360'
        )
    width, height = (_pixels(int(side), f'{source}: size') for side in match.groups())
    if sides['height'] not in (0, height) or sides['width'] not in (0, width):
        raise ConfigError(
            f'{source}: size is {width}x{height}, but width is {sides["width"]} and height '
            f'{sides["height"]}; leave width and height out'
        )
    return {'height': height, 'width': width}


def _one_of(value: Any, choices: Any, where: str) -> Any:
    allowed = get_args(choices)
    if value not in allowed:
        raise ConfigError(f'{where} is {kind_of(value)}; expected one of {", ".join(allowed)}')
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f'{where} is {kind_of(value)}; expected a number')
    return float(value)


def _triple(value: Any, where: str) -> Triple:
    values = value if isinstance(value, list | tuple) else [value]
    if isinstance(value, str | dict) or len(values) not in (1, 3):
        raise ConfigError(
            f'{where} is {kind_of(value)}; expected three numbers, one a channel, or one for all'
        )
    numbers = [_number(number, where) for number in values]
    return numbers[0], numbers[len(numbers) // 2], numbers[-1]
