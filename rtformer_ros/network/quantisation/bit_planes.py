# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Bit planes: codes of 8 bits, cut into a basic layer and the bits that each precision adds.

The code of b bits is the upper b bits of the code of 8, that is its floor division by 2^(8 - b):
with two's complement, rounding would leave residuals of more than the bits that were dropped.
Source: vertical-layered weights (arXiv 2212.05326).

Codes of 8 bits are rounded weights, so that the centre of the 2^k of them that are cut to one lies
half a step below the centre 2^k (q + 1/2) that symmetric INT8 can hold. Over all weights of a
channel that would add up. So every second weight is stored with its sign turned, and the halves
cancel: `stored` codes are those that are cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math

import numpy as np
import numpy.typing as npt

CODE_BITS = 8
LARGEST_CODE = 127
"""Codes lie between this and its negative, so that a channel can change its sign."""

BIT_WIDTHS = (8, 6, 4, 2)
"""The precisions that weights can have, the highest first."""

Codes = npt.NDArray[np.int8]
Plane = npt.NDArray[np.uint8]


def code_at(stored: Codes, bits: int) -> Codes:
    """Return codes of `bits` bits, int8 -2^(bits - 1) to 2^(bits - 1) - 1, for codes of 8."""
    return stored >> (CODE_BITS - bits)


def signs_of(shape: Sequence[int]) -> Codes:
    """Return the signs that turn codes [out, in, h, w] to stored ones and back, [1, in, h, w]."""
    parity = np.arange(math.prod(shape[1:]), dtype=np.int64) % 2
    return (1 - 2 * parity).astype(np.int8).reshape(1, *shape[1:])


def odd_codes(codes: Codes, bits: int) -> Codes:
    """
    Return codes of weights [out, in, h, w], cut to `bits` bits, as symmetric INT8.

    Of 8 bits these are the codes themselves. A cut code q stands for the centre of its cell,
    q + 1/2, which is the odd number 2 q + 1 in units of half a cell.
    """
    signs = signs_of(codes.shape)
    return codes if bits == CODE_BITS else signs * (2 * code_at(signs * codes, bits) + 1)


def unit_of(bits: int) -> float:
    """Return what 1 of `odd_codes` is worth, in steps of the codes of 8 bits."""
    return 1.0 if bits == CODE_BITS else 2.0 ** (CODE_BITS - bits - 1)


def planes_of(stored: Codes, widths: Sequence[int]) -> dict[int, Plane]:
    """
    Return packed bits by the precision that they lead to, the lowest first.

    stored: codes of 8 bits, any shape. widths: precisions in bits. The lowest plane holds whole
    codes, each other one the bits that its codes have beyond those before.
    """
    planes, below = {}, 0
    for bits in sorted(widths):
        gained = bits - below
        planes[bits] = _packed(code_at(stored, bits).ravel().view(np.uint8), gained)
        below = bits
    return planes


def codes_of(planes: Mapping[int, Plane], count: int) -> Codes:
    """
    Return stored codes, int8 [count], of as many bits as the planes lead to.

    planes: what planes_of returned, or only the lowest ones of it.
    """
    codes, below = np.zeros(count, np.int16), 0
    for bits in sorted(planes):
        gained = bits - below
        codes = (codes << gained) | _unpacked(planes[bits], gained, count)
        below = bits
    is_negative = codes >= 1 << (below - 1)
    return (codes - (is_negative.astype(np.int16) << below)).astype(np.int8)


def plane_bytes(count: int, bits: int, widths: Sequence[int]) -> int:
    """Return the size of the plane of `bits` bits of `count` codes."""
    below = max((each for each in widths if each < bits), default=0)
    return -(-count * (bits - below) // 8)


def _packed(values: Plane, bits: int) -> Plane:
    """Return the lowest bits of each value, one after the other, the lowest bit first."""
    single = (values[:, np.newaxis] >> np.arange(bits, dtype=np.uint8)) & 1
    return np.packbits(single.ravel(), bitorder='little')


def _unpacked(plane: Plane, bits: int, count: int) -> npt.NDArray[np.int16]:
    single = np.unpackbits(plane, count=count * bits, bitorder='little').reshape(count, bits)
    return single.astype(np.int16) @ (1 << np.arange(bits, dtype=np.int16))
