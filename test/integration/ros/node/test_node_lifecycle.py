"""A lifecycle manager has the node in its hands."""

from ros_peer import NODE, noise, number_of


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
