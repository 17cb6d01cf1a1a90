# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Planes give back every code bit for bit, and the codes that they are cut to are symmetric."""

import numpy as np
import pytest
from rtformer_ros.network.quantisation.bit_planes import (
    code_at,
    codes_of,
    odd_codes,
    plane_bytes,
    planes_of,
    signs_of,
    unit_of,
)

EVERY_CODE = np.arange(-127, 128).astype(np.int8)


@pytest.mark.parametrize('widths', [(8, 6, 4, 2), (8, 6, 4), (8, 4), (8, 2), (8,)])
def test_planes_assemble_every_code_bit_for_bit(widths):
    planes = planes_of(EVERY_CODE, widths)
    assert [*planes] == sorted(widths)
    for bits, plane in planes.items():
        assert plane.dtype == np.uint8
        assert plane.shape == (plane_bytes(EVERY_CODE.size, bits, widths),)
    assert sum(plane.size for plane in planes.values()) <= EVERY_CODE.size + len(widths)
    np.testing.assert_array_equal(codes_of(planes, EVERY_CODE.size), EVERY_CODE)


@pytest.mark.parametrize('bits', [6, 4, 2])
def test_the_lowest_planes_alone_are_the_upper_bits(bits):
    planes = planes_of(EVERY_CODE, (8, 6, 4, 2))
    lowest = {each: plane for each, plane in planes.items() if each <= bits}
    expected = [code // 2 ** (8 - bits) for code in EVERY_CODE.tolist()]  # Python's floors
    np.testing.assert_array_equal(codes_of(lowest, EVERY_CODE.size), expected)
    np.testing.assert_array_equal(code_at(EVERY_CODE, bits), expected)


def test_a_plane_is_packed_from_its_lowest_bit_on():
    stored = np.array([-128, 64, -64, 0], np.int8)  # of 2 bits: -2, 1, -1, 0
    assert planes_of(stored, (8, 2))[2].tolist() == [0b00_11_01_10]


@pytest.mark.parametrize(('bits', 'largest'), [(6, 63), (4, 15), (2, 3)])
def test_cut_codes_are_odd_and_symmetric(bits, largest):
    codes = np.repeat(EVERY_CODE, 2).reshape(1, 255, 1, 2)
    cut = odd_codes(codes, bits)
    assert cut.dtype == np.int8
    assert (cut % 2 == 1).all()
    assert (cut.min(), cut.max()) == (-largest, largest)


@pytest.mark.parametrize('bits', [6, 4, 2])
def test_errors_of_cut_codes_cancel_over_neighbours(bits):
    """A cut code alone lies half a step beside the mean of its cell, which would add up."""
    codes = np.repeat(EVERY_CODE[127 - 64 : 127 + 64], 2).reshape(1, 128, 1, 2)
    errors = odd_codes(codes, bits) * unit_of(bits) - codes
    np.testing.assert_allclose(errors[..., 0].mean(), 0.5, atol=1e-9)
    np.testing.assert_allclose(errors.mean(), 0, atol=1e-9)
    assert np.abs(errors).max() <= 2 ** (8 - bits) / 2


def test_whole_codes_stay_as_they_are():
    codes = EVERY_CODE.reshape(5, 51, 1, 1)
    assert odd_codes(codes, 8) is codes
    assert unit_of(8) == 1


def test_signs_alternate_through_a_kernel():
    signs = signs_of((7, 2, 3, 3))
    assert signs.shape == (1, 2, 3, 3)
    assert signs.ravel().tolist() == [1, -1] * 9
