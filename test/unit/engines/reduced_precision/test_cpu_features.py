# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The features of a CPU are those that the system names."""

import pytest
from rtformer_ros.engines.reduced_precision.cpu_features import (
    computes_bf16,
    computes_int8,
    cpu_flags,
    describe_flags,
)

X86 = """processor\t: 0
model name\t: some CPU
flags\t\t: fpu avx2 avx512f avx512_bf16 avx512_vnni
bugs\t\t: none

processor\t: 1
flags\t\t: fpu
"""
ARM = """processor\t: 0
BogoMIPS\t: 62.50
Features\t: fp asimd asimddp bf16
"""


@pytest.mark.parametrize(
    ('text', 'bf16', 'int8', 'words'),
    [
        (X86, True, True, 'avx2, avx512_bf16, avx512_vnni, avx512f'),
        (ARM, False, True, 'asimd, asimddp'),
        ('flags : fpu avx2', False, False, 'avx2'),
        ('nothing of the kind', False, False, 'unknown features'),
    ],
    ids=['x86', 'arm', 'old', 'unknown'],
)
def test_features_are_read_off_the_first_processor(tmp_path, text, bf16, int8, words):
    path = tmp_path / 'cpuinfo'
    path.write_text(text)
    flags = cpu_flags(path)
    assert (computes_bf16(flags), computes_int8(flags)) == (bf16, int8)
    assert describe_flags(flags) == words


def test_a_system_that_says_nothing_has_no_features(tmp_path):
    assert cpu_flags(tmp_path / 'missing') == frozenset()
