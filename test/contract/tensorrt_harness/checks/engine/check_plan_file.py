# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Open plan files as the node does: real bindings, a simulated GPU."""

import pytest
from rtformer_ros.engines import EngineRequest, needs_build, open_engine
from rtformer_ros.errors import (
    ConfigError,
    ModelError,
)
from tensorrt_harness.simulated_plan import assert_ours, HEIGHT, images, WIDTH
from tensorrt_harness.simulated_preparations import FIVE


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / 'other.engine'
    path.write_bytes(b'plan')
    return path


@pytest.mark.usefixtures('plan')
@pytest.mark.parametrize('beside', ['labels', 'description', 'nothing'])
def test_a_plan_of_another_program_runs(plan_file, beside):
    classes = FIVE.to_dict()
    text = {
        'labels': f'name: five\nclasses: {classes["classes"]}',
        'description': 'input: {layout: nhwc_uint8}\noutput: class_map_confidence\n'
        f'labels: {classes}',
    }
    if beside in text:
        plan_file.with_suffix('.yaml').write_text(text[beside])
    else:
        with pytest.raises(ConfigError, match='which classes they mean; give labels'):
            open_engine(EngineRequest(plan_file))
    engine = open_engine(EngineRequest(plan_file, labels=None if beside in text else FIVE))
    assert engine.description.labels == FIVE
    assert 'plan of another program' in engine.description.detail
    assert_ours(engine.infer(images(2)), images(2))
    engine.close()


@pytest.mark.usefixtures('plan')
def test_a_plan_file_is_as_it_is(plan_file):
    with pytest.raises(ConfigError, match=r'precision is fp32, but other\.engine has the'):
        open_engine(EngineRequest(plan_file, labels=FIVE, precision='fp32'))
    with pytest.raises(ConfigError, match=r'network_size is \(1, 2\), but the plan takes'):
        open_engine(EngineRequest(plan_file, labels=FIVE, network_size=(1, 2)))
    assert not needs_build(EngineRequest(plan_file))


def test_a_plan_file_of_another_kind_is_named(plan, plan_file):
    plan.inputs = {'image': ('FLOAT', (1, 3, HEIGHT, WIDTH))}
    plan.install()
    with pytest.raises(ModelError, match=r'other\.engine: .* but is described as nhwc_uint8'):
        open_engine(EngineRequest(plan_file, labels=FIVE))
