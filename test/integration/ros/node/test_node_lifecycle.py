# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A lifecycle manager has the node in its hands."""

from functools import partial
import os
from pathlib import Path
import platform
import sys
from types import MappingProxyType

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import pytest
from ros_peer import NODE, noise, number_of, values_of
from rtformer_ros.ros.input.image_messages import new_image
from std_srvs.srv import SetBool, Trigger

# lifecycle_msgs/msg/Transition: what may be asked for in each state, and all that there is.
ALLOWED = {
    'unconfigured': {'configure', 'unconfigured_shutdown'},
    'inactive': {'cleanup', 'activate', 'inactive_shutdown'},
    'active': {'deactivate', 'active_shutdown'},
    'finalized': set(),
}
NAMES = {
    getattr(Transition, each): each.removeprefix('TRANSITION_').lower()
    for each in dir(Transition)
    if each.startswith('TRANSITION_') and isinstance(getattr(Transition, each), int)
}


def ask(peer, number, label=''):
    request = ChangeState.Request(transition=Transition(id=number, label=label))
    return peer.call(ChangeState, f'{NODE}/change_state', request).success


def test_manager_leads_the_node_through_its_life_and_round_again(peer, camera, start_node):
    node = start_node(wait='unconfigured', autostart=False)
    peer.spin_for(1.0)
    assert peer.state() == 'unconfigured'
    mask_topic = f'{NODE}/mask'
    masks = peer.collect(mask_topic)
    for _ in range(2):
        assert peer.change_state('configure')
        peer.wait_for(lambda: peer.node.count_publishers(mask_topic), 'the outputs')
        assert camera.images.get_subscription_count() == 0
        assert peer.change_state('activate')
        peer.wait_for(camera.images.get_subscription_count, 'the subscription')
        peer.spin_for(0.3)
        before = len(masks)
        number = camera.publish(noise())
        peer.wait_for(lambda n=before: len(masks) > n, 'a mask')
        assert number_of(masks[-1]) == number
        assert peer.change_state('deactivate')
        peer.wait_for(lambda: not camera.images.get_subscription_count(), 'it to unsubscribe')
        assert peer.change_state('cleanup')
        peer.wait_for(lambda: not peer.node.count_publishers(mask_topic), 'the outputs to go')
    assert peer.state() == 'unconfigured'
    assert peer.change_state('unconfigured_shutdown')
    assert peer.state() == 'finalized'
    assert node.end()[0] == 0


def test_deactivate_in_a_frame(peer, camera, models, start_node, connect):
    start_node(model=models / 'slow.onnx')
    masks = connect('mask')
    number = camera.publish(noise())
    peer.spin_for(0.3)
    assert peer.change_state('deactivate')
    assert peer.state() == 'inactive'
    peer.wait_for(lambda: not camera.images.get_subscription_count(), 'it to unsubscribe')
    assert peer.change_state('activate')
    peer.wait_for(camera.images.get_subscription_count, 'the subscription')
    peer.spin_for(0.3)
    following = camera.publish(noise())
    peer.wait_for(lambda: masks and number_of(masks[-1]) == following, 'a mask of the next frame')
    assert {number_of(mask) for mask in masks} <= {number, following}


def test_configure_fails_and_succeeds_after_a_change(peer, models, start_node):
    start_node(wait='unconfigured', autostart=False, model=models / 'broken.onnx')
    assert not peer.change_state('configure')
    assert peer.state() == 'unconfigured'
    assert peer.set_parameter('model', str(models / 'rgb.onnx')).successful
    peer.spin_for(0.5)
    assert peer.state() == 'unconfigured'
    assert peer.change_state('configure')
    assert peer.state() == 'inactive'


def test_interrupt_while_it_waits_for_a_manager(peer, models, start_node):
    node = start_node(wait='unconfigured', autostart=False)
    assert 'waiting for a lifecycle manager' in node.output
    assert node.end()[0] == 0
    node = start_node(wait='', model=models / 'broken.onnx')
    peer.wait_for(lambda: 'cannot configure' in node.output, 'the failure')
    assert node.end()[0] == 0
    assert 'Traceback' not in node.output


def test_every_transition_that_cannot_be_is_refused(peer, start_node):
    node = start_node(wait='unconfigured', autostart=False)
    refused = 0
    for leads_here, state in (
        ('', 'unconfigured'),
        ('configure', 'inactive'),
        ('activate', 'active'),
        ('active_shutdown', 'finalized'),
    ):
        assert not leads_here or peer.change_state(leads_here)
        for number in sorted({*NAMES, 50, 99, 255}):
            if NAMES.get(number) not in ALLOWED[state]:
                assert not ask(peer, number), f'{NAMES.get(number)} while {state}'
                refused += 1
        for label in ('finalize', 'no\nlabel' * 1000, *({'activate', 'cleanup'} - ALLOWED[state])):
            assert not ask(peer, 0, label), f'{label[:20]} while {state}'
            refused += 1
        assert peer.state() == state
    assert refused > 46
    assert (
        'transition 1 is refused: the node is active; possible now: deactivate (4)' in node.output
    )
    assert max(len(line) for line in node.output.splitlines() if 'is refused' in line) < 500
    assert 'Traceback' not in node.output


def test_label_alone_is_enough(peer, start_node):
    start_node(wait='unconfigured', autostart=False)
    assert ask(peer, 0, 'configure')
    assert peer.state() == 'inactive'


def test_nothing_wakes_a_node_that_was_shut_down(peer, models, start_node):
    node = start_node(model=models / 'rgb.onnx')
    assert peer.change_state('active_shutdown')
    assert peer.set_parameter('model', str(models / 'bgr.onnx')).successful
    peer.spin_for(1.0)
    assert peer.state() == 'finalized'
    assert 'Traceback' not in node.output
    assert 'failed' not in node.output
    assert node.end()[0] == 0


def failing(start_node, variables=MappingProxyType({}), **parameters):
    folders = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    variables = {'PYTHONPATH': folders, **variables}
    return start_node(module='failing_node', variables=variables, **parameters)


def test_exception_in_a_transition_is_told_and_can_be_mended(peer, start_node):
    peer.watch_diagnostics()
    node = failing(start_node, wait='', overlay_alpha=1.0)
    status = peer.wait_for_diagnostic(
        lambda status: status.level == DiagnosticStatus.ERROR, 'the error in the diagnostics'
    )
    assert 'a transition failed: on_configure: ZeroDivisionError' in status.message
    assert 'a fault of the test' in values_of(status)['last error']
    assert 'in on_configure' in node.output
    assert peer.state() == 'unconfigured'
    assert peer.set_parameter('overlay_alpha', 0.5).successful
    peer.wait_for(lambda: peer.state() == 'active', 'the node to begin')
    peer.wait_for_diagnostic(
        lambda status: status.level != DiagnosticStatus.ERROR, 'the error to be gone'
    )


def wait_for_error(peer, text):
    status = peer.wait_for_diagnostic(
        lambda status: status.level == DiagnosticStatus.ERROR and text in status.message, text
    )
    assert text in values_of(status)['last error']


def test_exception_in_a_timer_is_told_and_frames_go_on(peer, camera, start_node, connect):
    node = failing(start_node, overlay_alpha=0.25)
    peer.watch_diagnostics()
    wait_for_error(peer, 'timer callback: LookupError: a timer of the test')
    masks = connect('mask')
    camera.publish_until(lambda: masks, noise())
    peer.spin_for(2.0)
    assert node.output.count('in _report_build') == 1, 'each second the same traceback'
    # A transition begins with a clean slate.
    assert peer.set_parameter('overlay_alpha', 0.5).successful
    assert peer.change_state('deactivate')
    peer.diagnostics.clear()
    peer.wait_for_diagnostic(
        lambda status: status.level != DiagnosticStatus.ERROR, 'the error to be gone'
    )


def test_exception_in_a_service_is_answered_and_told(peer, camera, start_node, connect):
    node = failing(start_node)
    peer.watch_diagnostics()
    masks = connect('mask')
    camera.publish_until(lambda: masks, noise())
    client = peer.node.create_client(Trigger, f'{NODE}/snapshot')
    assert client.wait_for_service(10.0)
    answer = client.call_async(Trigger.Request())
    peer.wait_for(lambda: camera.publish(noise()) and answer.done(), 'an answer')
    assert not answer.result().success
    assert answer.result().message == 'BufferError: a service of the test'
    wait_for_error(peer, '~/snapshot: BufferError: a service of the test')
    assert 'in fail_to_write' in node.output
    peer.node.destroy_client(client)


@pytest.mark.parametrize(
    ('variables', 'error'), [({}, 'eventhandler callback: '), ({'POLL': '1'}, 'watch: ')]
)
def test_the_watch_that_wakes_cameras_outlives_an_exception(
    peer, camera, start_node, variables, error
):
    failing(start_node, variables)
    peer.watch_diagnostics()
    pause = partial(peer.call, SetBool, f'{NODE}/set_enabled')
    pause(SetBool.Request(data=False))
    masks = peer.collect(f'{NODE}/mask')
    wait_for_error(peer, f'{error}ArithmeticError: a watch of the test')
    pause(SetBool.Request(data=True))
    camera.publish_until(lambda: masks, noise())


def test_exception_at_a_frame_costs_that_frame_and_is_told(peer, camera, start_node, connect):
    node = failing(start_node)
    peer.watch_diagnostics()
    masks = connect('mask')
    camera.publish_until(lambda: masks, noise())
    message = new_image(48, 64, 'rgb8')
    camera.stamp(message.header)
    message.header.frame_id = 'fault'
    camera.images.publish(message)
    wait_for_error(peer, 'frame: TypeError: a frame of the test')
    assert 'in fail_at_a_frame' in node.output
    masks.clear()
    number = camera.publish(noise())
    peer.wait_for(lambda: masks, 'the next mask')
    assert number_of(masks[0]) == number


def other_arenas(process_id):
    """
    Return how many arenas glibc has beside the first.

    Each is 64 MiB of address space, of which the first part is in use (arena.c, HEAP_MAX_SIZE).
    """
    count, begin = 0, 0
    for line in Path(f'/proc/{process_id}/maps').read_text().splitlines():
        addresses, access = line.split()[:2]
        first, last = (int(each, 16) for each in addresses.split('-'))
        if access == '---p' and last - begin == 64 << 20:
            count += 1
        begin = first
    return count


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
def test_no_thread_of_a_node_keeps_an_arena_of_its_own(peer, camera, start_node, connect):
    for limit, is_shared in (({}, True), ({'MALLOC_ARENA_MAX': '4'}, False)):
        node = start_node(variables=limit)
        masks = connect('mask')
        camera.publish(noise())
        peer.wait_for(lambda m=masks: m, 'a mask')
        assert (other_arenas(node.process.pid) == 0) == is_shared
        node.end()


def sending_threads(process_id):
    """Return how many threads FastDDS has that send (FlowControllerImpl.hpp names them)."""
    names = [file.read_text() for file in Path(f'/proc/{process_id}/task').glob('*/comm')]
    return sum(name.startswith('dds.asyn') for name in names)


def test_fastdds_sends_in_a_thread_of_its_own_unless_the_user_says_otherwise(peer, start_node):
    # Discovery has such a thread in any case.
    node = start_node()
    threads = sending_threads(node.process.pid)
    node.end()
    told = start_node(variables={'RMW_FASTRTPS_PUBLICATION_MODE': 'SYNCHRONOUS'})
    assert threads == sending_threads(told.process.pid) + 1
