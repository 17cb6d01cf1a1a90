# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Every source file names its copyright and licence, as SPDX has them."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HEADER = [
    '# SPDX-FileCopyrightText: 2026 The rtformer_ros developers',
    '# SPDX-License-Identifier: Apache-2.0',
]


def test_every_source_file_has_the_header(source_files):
    sources = [name for name in source_files if name.endswith('.py')]
    assert len(sources) > 100
    lines = {name: (REPOSITORY / name).read_text().split('\n')[:3] for name in sources}
    without = [name for name, first in lines.items() if HEADER not in (first[:2], first[1:])]
    assert without == [], "begin with the header of the package's __init__.py"
