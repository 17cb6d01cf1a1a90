# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The pages of the documentation, and what they say in code."""

from pathlib import Path
import re

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOC_PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / 'docs').rglob('*.md'))
TOP_PAGES = ('README.md', 'CONTRIBUTING.md', 'QUALITY_DECLARATION.md', 'SECURITY.md')
PAGES = [*TOP_PAGES, 'models/README.md', 'samples/README.md', *DOC_PAGES]

_BLOCK = re.compile(r'^ *```(\w*)\n(.*?)^ *```', re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r'`([^`\n]+)`')


def page(name):
    return (ROOT / name).read_text()


def prose(name):
    """Return a page without its code blocks."""
    return _BLOCK.sub('', page(name))


def code_spans(name):
    """Return what stands between single backticks."""
    return _SPAN.findall(prose(name))


def commands(name):
    """Return the lines of shell blocks, without comments and continued lines joined, and spans."""
    blocks = [text for language, text in _BLOCK.findall(page(name)) if language == 'sh']
    lines = '\n'.join(blocks).replace('\\\n', ' ').split('\n')
    indented = re.findall(r'^    (\S.*)$', prose(name), re.MULTILINE)
    return [re.sub(r'(^| )#.*', '', line) for line in [*lines, *indented]] + code_spans(name)


def yaml_blocks(name):
    """Return what the YAML blocks of a page say."""
    return [yaml.safe_load(text) for kind, text in _BLOCK.findall(page(name)) if kind == 'yaml']


def first_block_line(name):
    """Return the number of the line that opens the first code block, None where there is none."""
    lines = page(name).split('\n')
    return next((i for i, line in enumerate(lines, 1) if line.startswith('```')), None)


def links(name):
    """Return the targets of links and pictures that are not on the web."""
    targets = re.findall(r'\]\(([^)\s]+)\)', prose(name))
    return [target for target in targets if not target.startswith(('http:', 'https:'))]


def anchors(name):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r'^#+ (.+)$', prose(name), re.MULTILINE)
    kept = [re.sub(r'[^\w\- ]', '', heading.lower()) for heading in headings]
    return {heading.replace(' ', '-') for heading in kept}
