# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The network computes what the reference computes: PaddleSeg's outputs, see oracle.py."""

import numpy as np
import oracle
import pytest
from rtformer_ros.network import build_rtformer
import torch
import torch.nn.functional as F

LOGIT_TOLERANCE = 5e-5
ARGMAX_SHARE = 1.2e-5
STAGES = {
    'mid_stem': ('conv1', None),
    'mid_x1': ('layer1', None),
    'mid_x2': ('layer2', None),
    'mid_x3': ('layer3', None),
    'mid_x3_': ('layer3_', None),
    'mid_x4_': ('layer4', 0),
    'mid_x4': ('layer4', 1),
    'mid_x5_': ('layer5', 0),
    'mid_x5': ('layer5', 1),
    'mid_spp': ('spp', None),
    'mid_head': ('seghead', None),
}


def reference_network(variant, **overrides):
    network = build_rtformer(variant, oracle.NUM_CLASSES, **overrides)
    weights = oracle.reference_weights(variant)
    network.load_state_dict({oracle.our_key(k): torch.from_numpy(v) for k, v in weights.items()})
    return network


def record_outputs(network):
    outputs = {}
    for name, module in network.named_children():
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: outputs.__setitem__(name, output)
        )
    return outputs


@pytest.fixture(scope='module', params=['slim', 'base'])
def run(request):
    """(golden arrays, images, logits, outputs of every stage) of one variant."""
    name = oracle.OUTPUT_FILES[request.param]
    network = reference_network(request.param).eval()
    outputs = record_outputs(network)
    images = torch.from_numpy(oracle.images(oracle.shape_in(name)))
    with torch.inference_mode():
        logits = network(images)
        outputs['seghead_extra'] = network.seghead_extra(outputs['layer3_'])
    return oracle.load(name), network, images, logits, outputs


def test_logits_equal_those_of_the_reference(run):
    golden, _, images, logits, _ = run
    assert logits.shape == (len(images), oracle.NUM_CLASSES, *images.shape[2:])
    assert np.abs(logits[:, :, ::8, ::8].numpy() - golden['logits_s8']).max() <= LOGIT_TOLERANCE
    assert np.mean(logits.argmax(1).numpy() != golden['argmax']) <= ARGMAX_SHARE


def test_auxiliary_logits_equal_those_of_the_reference(run):
    golden, _, images, _, outputs = run
    logits = F.interpolate(outputs['seghead_extra'], images.shape[2:], mode='bilinear')
    np.testing.assert_allclose(
        logits[:, :, ::8, ::8].numpy(), golden['aux_logits_s8'], rtol=0, atol=LOGIT_TOLERANCE
    )


@pytest.mark.parametrize('stage', STAGES)
def test_every_stage_equals_that_of_the_reference(run, stage):
    golden, _, _, _, outputs = run
    name, branch = STAGES[stage]
    output = outputs[name] if branch is None else outputs[name][branch]
    expected = golden[stage]
    came = oracle.sample(output.numpy(), 4096)
    # Sums run in another order, so the error grows with the size of what is summed.
    tolerance = 2e-5 * max(1, np.abs(expected).max())
    np.testing.assert_allclose(came, expected, rtol=0, atol=tolerance)


def test_images_of_a_batch_do_not_see_each_other(run):
    _, network, images, _, _ = run
    pair = torch.cat([images[:1], images[-1:].flip(3)])
    with torch.inference_mode():
        together = network(pair)
        apart = torch.cat([network(image[None]) for image in pair])
    torch.testing.assert_close(together, apart, rtol=0, atol=LOGIT_TOLERANCE)


@pytest.fixture(scope='module')
def step():
    """(golden arrays, network, loss, main, aux) after one training step of the reference."""
    n, _, height, width = shape = oracle.shape_in(oracle.TRAINING_FILE)
    network = reference_network('slim', drop_path_rate=0.0, bn_momentum=0.9).train()
    main, aux = network(torch.from_numpy(oracle.images(shape)))
    classes = torch.from_numpy(oracle.labels(n, height, width))
    losses = [F.cross_entropy(logits, classes, ignore_index=255) for logits in (main, aux)]
    (losses[0] + 0.4 * losses[1]).backward()
    return oracle.load(oracle.TRAINING_FILE), network, losses, main.detach(), aux.detach()


def test_training_logits_and_losses_equal_those_of_the_reference(step):
    golden, _, losses, main, aux = step
    for key, logits in (('logits_s8', main), ('aux_s8', aux)):
        assert np.abs(logits[:, :, ::8, ::8].numpy() - golden[key]).max() <= LOGIT_TOLERANCE
    loss_main, loss_aux = (loss.item() for loss in losses)
    assert loss_main == pytest.approx(golden['loss_main'], rel=1e-5)
    assert loss_aux == pytest.approx(golden['loss_aux'], rel=1e-5)
    assert loss_main + 0.4 * loss_aux == pytest.approx(golden['loss'], rel=1e-5)


def test_running_statistics_equal_those_of_the_reference(step):
    golden, network, *_ = step
    state = network.state_dict()
    keys = [key.removeprefix('stat/') for key in golden if key.startswith('stat/')]
    assert len(keys) == sum(key.endswith(('running_mean', 'running_var')) for key in state)
    for key in keys:
        came = state[oracle.our_key(key)].numpy()
        np.testing.assert_allclose(came, golden[f'stat/{key}'], rtol=1e-4, atol=1e-5, err_msg=key)


# Constants that a softmax or a batch norm behind them takes out: their true gradient is zero.
ZERO_GRADIENTS = {
    'conv1.0.bias',
    'conv1.3.bias',
    'layer4.attn_l.norm.bias',
    'layer5.attn_l.norm.bias',
    'layer5.cross_kv.0.bias',
    'layer5.mlp_h.conv2.bias',
}


def test_gradients_equal_those_of_the_reference(step):
    golden, network, *_ = step
    gradients = {name: parameter.grad.numpy() for name, parameter in network.named_parameters()}
    assert gradients.keys() == {k.removeprefix('gradnorm/') for k in golden if 'gradnorm/' in k}
    for key, gradient in gradients.items():
        norm = golden[f'gradnorm/{key}']
        if key in ZERO_GRADIENTS:
            assert max(np.linalg.norm(gradient), norm) < 1e-6, key
            continue
        # The reference's are sums in float32, in another order: up to 0.4 % from those in float64.
        assert np.linalg.norm(gradient) == pytest.approx(norm, rel=1e-2), key
        expected = golden[f'grad/{key}']
        # As a whole, for single elements jump: some inputs of a ReLU are within 1e-7 of its kink,
        # and which side a sum falls on depends on the CPU (float64 here differs by 3.5 %).
        distance = np.linalg.norm(oracle.sample(gradient, 64) - expected)
        assert distance <= 5e-2 * np.linalg.norm(expected), key
