# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Hear TensorRT's logger as each version has it."""

import threading

from rtformer_ros.engines.tensorrt import messages
from rtformer_ros.engines.tensorrt.messages import listening, MessageLog, shared_logger


def test_the_logger_is_one_and_gives_to_all_who_listen(trt, say):
    with listening() as outer:
        say('WARNING', ' careful\n')
        with listening() as inner:
            say('ERROR', 'broken')
            say('INFO', 'by the way')
            say('VERBOSE', 'in detail')
    say('ERROR', 'later')
    assert (outer.warnings, outer.errors) == (['careful'], ['broken'])
    assert (inner.warnings, inner.errors) == ([], ['broken'])
    assert shared_logger(trt) is shared_logger(trt)


def test_what_is_freed_while_a_message_is_spread_may_log_too(trt, say, monkeypatch):
    """As a collector may free an object of TensorRT within the logger's own call."""

    class Collecting(list):
        def __iter__(self):
            if len(self) == 1:
                self.append(MessageLog())
                say('WARNING', 'freed')
            return super().__iter__()

    heard = MessageLog()
    monkeypatch.setattr(messages, '_listeners', Collecting([heard]))
    thread = threading.Thread(target=say, args=('WARNING', 'first'), daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), 'the logger waits for itself'
    assert heard.warnings == ['freed', 'first']
