# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whoever asks what is wanted, as the thread that receives images, waits for no frame."""

import threading
from types import SimpleNamespace

import pytest
from rtformer_ros.errors import ImageError
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.output.publishers import Outputs
from std_msgs.msg import Header

PATIENCE_S = 30.0


class EndlessRendering:
    """Pictures that are not done before they are told to be."""

    def __init__(self) -> None:
        self.is_begun, self.may_end = threading.Event(), threading.Event()

    @property
    def size(self):
        self.is_begun.set()
        self.may_end.wait(2 * PATIENCE_S)
        raise ImageError('it was told to end')


@pytest.fixture
def outputs(peer):
    values = {name: spec.default for name, spec in SPECS.items()}
    classes = dict.fromkeys(('publish.labels', 'publish.legend', 'publish.label_info'), False)
    outputs = Outputs(peer.node)
    outputs.configure(NodeSettings.from_values({**values, **classes}).camera.output, None)
    yield outputs
    outputs.close()


def test_what_is_wanted_is_told_while_a_frame_is_published(peer, outputs):
    peer.collect(f'{peer.node.get_name()}/mask')
    peer.wait_for(lambda: outputs.wanted() == {'mask'}, 'the subscriber')
    rendering, answers = EndlessRendering(), []
    frame = SimpleNamespace(header=Header(), config=None, rendering=rendering)

    def publish() -> None:
        with pytest.raises(ImageError, match='told to end'):
            outputs.publish(frame, frozenset({'mask'}))

    def ask() -> None:
        outputs.check_subscribers()
        answers.extend([outputs.wanted(), outputs.unserved_topics])

    publishing = threading.Thread(target=publish)
    publishing.start()
    assert rendering.is_begun.wait(PATIENCE_S)
    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(PATIENCE_S)
    is_answered = not asking.is_alive()
    rendering.may_end.set()
    publishing.join()
    asking.join()
    assert is_answered, 'it waited for the frame'
    assert answers == [{'mask'}, {}]


def test_nobody_wants_what_is_withdrawn(peer, outputs):
    peer.collect(f'{peer.node.get_name()}/mask')
    peer.wait_for(lambda: outputs.wanted() == {'mask'}, 'the subscriber')
    [publisher] = [each for each in outputs.publishers if each.topic_name.endswith('/mask')]
    # As another thread does it between two looks.
    peer.node.destroy_publisher(publisher)
    assert outputs.wanted() == frozenset()
