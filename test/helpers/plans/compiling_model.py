# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A model whose compiler waits for the test; node_with_compiler starts it."""

from __future__ import annotations

from pathlib import Path


class Model:
    """A model file whose compiler waits for us, see node_with_compiler."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def compiler(self) -> int:
        """The number of the compiler's process, 0 before it has one."""
        record = self.path.with_suffix('.pid')
        return int(record.read_text() or 0) if record.exists() else 0

    @property
    def is_compiling(self) -> bool:
        if not self.compiler:
            return False
        status = Path(f'/proc/{self.compiler}/stat')
        # One that has ended and was not waited for is no process any more.
        return status.exists() and status.read_text().rpartition(')')[2].split()[0] != 'Z'

    def decide(self, verdict: str) -> None:
        waiting = self.path.with_suffix('.waiting')
        waiting.write_text(verdict)
        waiting.rename(self.path.with_suffix('.verdict'))


def wait_for_compiler(peer, model: Model) -> None:
    peer.wait_for(lambda: model.is_compiling, 'the compiler')


def end_compiler_by_another_model(peer, models: Path, model: Model) -> None:
    """Set another model while one is being compiled, and wait until its compiler has ended."""
    wait_for_compiler(peer, model)
    other = {'model': str(models / 'rgb.onnx'), 'engine': 'onnxruntime'}
    assert peer.set_atomically(other).successful
    peer.wait_for(lambda: not model.is_compiling, 'the compiler to end')


def end_compiler_by_ending_the_node(peer, model: Model, node) -> None:
    """End the node while a model is being compiled, and wait until its compiler has ended."""
    wait_for_compiler(peer, model)
    node.end()
    peer.wait_for(lambda: not model.is_compiling, 'the compiler to end')
