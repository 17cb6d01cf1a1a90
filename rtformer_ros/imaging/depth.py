"""Read depth images from bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtformer_ros.errors import ImageError

if TYPE_CHECKING:
    import numpy.typing as npt

    Depth = npt.NDArray[np.generic]

# mono16 is what drivers older than REP 118 call millimetres.
_TYPES: dict[str, np.dtype[Any]] = {
    '16UC1': np.dtype('u2'),
    'mono16': np.dtype('u2'),
    '32FC1': np.dtype('f4'),
}


def decode_depth(
    data: npt.NDArray[np.uint8],
    encoding: str,
    height: int,
    width: int,
    step: int,
    is_bigendian: bool = False,
) -> Depth:
    """
    Return a depth image as REP 118 has it: uint16 [H, W] in millimetres or float32 in metres.

    data: the bytes of sensor_msgs/Image; step: bytes a row, padding included. The result is a view
    where the byte order is this machine's. Raises ImageError for another encoding or too few bytes.
    """
    kind = _TYPES.get(encoding)
    if kind is None:
        raise ImageError(
            f"the depth image has the encoding '{encoding}'; expected one of: {', '.join(_TYPES)}"
        )
    if step < width * kind.itemsize or data.size < height * step or not height * width:
        raise ImageError(
            f'the depth image of {width}x{height} pixels ({encoding}) has {data.size} bytes in '
            f'rows of {step}; expected rows of {width * kind.itemsize} bytes or more'
        )
    rows = data[: height * step].reshape(height, step)[:, : width * kind.itemsize]
    depth_hw: Depth = rows.view(kind.newbyteorder('>' if is_bigendian else '<'))
    return depth_hw.astype(kind) if is_bigendian else depth_hw
