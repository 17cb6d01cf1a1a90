# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Field `format` of sensor_msgs/CompressedImage, as image_transport's plugins write it."""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import TYPE_CHECKING

from rtformer_ros.errors import quoted

if TYPE_CHECKING:
    from rtformer_ros.imaging.image_header import ImageHeader

_READ_CHARACTERS = 200
_CODEC = re.compile(r'\b(jpe?g|png|tiff?|webp|bmp|gif|jp2|jpeg2000|[hx]\.?26[45]|av1|theora)\b')
_TARGET = re.compile(r'\bcompressed\b\s*(\w*)')
_COLOURS = re.compile(r'(rgb|bgr)a?(8|16)')
_MOSAICS = re.compile(r'bayer_(rggb|bggr|gbrg|grbg)(8|16)')


@dataclass(frozen=True)
class CompressedFormat:
    """
    What a CompressedImage says of its bytes; '' and False where it does not say.

    encoding: of the image before it was compressed. codec: 'JPEG', 'PNG' or the name of another.
    is_mosaic: the bytes hold a colour filter mosaic, as grey. is_swapped: they hold red where blue
    should be. is_grey: they should have one channel, is_colour: three.
    """

    encoding: str = ''
    codec: str = ''
    is_mosaic: bool = False
    is_swapped: bool = False
    is_grey: bool = False
    is_colour: bool = False

    @classmethod
    def of(cls, text: str) -> CompressedFormat:
        """
        Read 'ENCODING; CODEC compressed TARGET' or 'CODEC', in any case.

        TARGET is what the image was converted to before it was handed to OpenCV, which takes three
        channels for BGR: where colour was not converted to that, red and blue come back swapped.
        Older plugins did not convert a mosaic, newer ones make it grey ('mono8').
        """
        first, semicolon, rest = text[:_READ_CHARACTERS].lower().partition(';')
        codec = _CODEC.search(rest if semicolon else first)
        if not semicolon:
            return cls(codec=_codec_name(codec))
        encoding, target = first.strip(), _TARGET.search(rest)
        is_colour = _COLOURS.fullmatch(encoding) is not None
        is_bayer = _MOSAICS.fullmatch(encoding) is not None
        return cls(
            encoding=encoding,
            codec=_codec_name(codec),
            is_mosaic=is_bayer and target is not None and target[1] in ('', encoding),
            is_swapped=is_colour and target is not None and not target[1].startswith('bgr'),
            is_grey=encoding in ('mono8', 'mono16'),
            is_colour=is_colour,
        )

    def contradiction(self, header: ImageHeader) -> str:
        """Return what the bytes are that this says otherwise, '' where they agree."""
        if self.codec and self.codec != header.format:
            return f'{self.codec}, but its bytes are {header.format}'
        if (self.is_grey or self.is_mosaic) and not header.is_grey:
            return f'{quoted(self.encoding)}, but its bytes are in colour'
        if self.is_colour and header.is_grey:
            return f'{quoted(self.encoding)}, but its bytes are grey'
        return ''


def _codec_name(found: re.Match[str] | None) -> str:
    if found is None:
        return ''
    return 'JPEG' if found[1] in ('jpg', 'jpeg') else found[1].upper()
