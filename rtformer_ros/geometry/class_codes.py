"""Look up a value for every class and confidence at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rtformer_ros.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy.typing as npt

    from rtformer_ros.labels import PlannerGroup
    from rtformer_ros.segmentation import Segmentation


def class_codes(
    segmentation: Segmentation, size: tuple[int, int], out: npt.NDArray[np.uint16]
) -> npt.NDArray[np.uint16]:
    """
    Return class id * 256 + confidence of all pixels, row-major, uint16 [H * W], written to `out`.

    size: the height and width expected; raises GeometryError for another one.
    """
    class_map_hw, confidence_hw = segmentation.class_map_hw, segmentation.confidence_hw
    if class_map_hw.shape != size or confidence_hw.shape != size:
        raise GeometryError(
            f'the class map has the shape {list(class_map_hw.shape)} and the confidence '
            f'{list(confidence_hw.shape)}; expected {list(size)} for both, as the calibration '
            'was scaled to'
        )
    np.left_shift(class_map_hw, 8, out=out.reshape(size), dtype=np.uint16)
    np.bitwise_or(out, confidence_hw.reshape(-1), out=out)
    return out


def ids_of_groups(
    group_by_id: Mapping[int, PlannerGroup], groups: Collection[str]
) -> npt.NDArray[np.bool_]:
    """Return for every id whether its class is in one of these planner groups, bool [256]."""
    is_member = np.zeros(256, np.bool_)
    is_member[[class_id for class_id, group in group_by_id.items() if group in groups]] = True
    return is_member
