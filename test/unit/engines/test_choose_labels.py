# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
from rtformer_ros.engines import EngineRequest
from rtformer_ros.engines.model_outputs import choose_labels
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.labels.label_set import LabelClass, LabelSet, load_labels

CAMVID = load_labels(find_labels('camvid'))
CITYSCAPES = load_labels(find_labels('cityscapes'))


def named(*names: str) -> LabelSet:
    return LabelSet('asked', tuple(LabelClass(name, (1, 2, 3), 'sky') for name in names))


@pytest.fixture
def request_of(tmp_path):
    model = tmp_path / 'model.onnx'
    model.touch()

    def make(labels: LabelSet | None, *, override: bool = False) -> EngineRequest:
        return EngineRequest(model, labels=labels, labels_override=override)

    return make


def test_another_set_is_refused_with_both_lists_side_by_side(request_of):
    with pytest.raises(ConfigError) as caught:
        choose_labels(request_of(CITYSCAPES), CAMVID, None)
    text = str(caught.value)
    assert "'cityscapes' has 19 classes, but model.onnx tells 11 apart" in text
    assert "(the model's own / 'cityscapes': 0 Sky / road, 1 Building / sidewalk, " in text
    assert text.endswith(', 13 more)')
    assert len(text) < 400


def test_one_other_name_is_refused(request_of):
    asked = replace(CAMVID, classes=(LabelClass('Lake', (1, 2, 3)), *CAMVID.classes[1:]))
    with pytest.raises(ConfigError, match=r'names other classes .*0 Sky / Lake\); leave labels'):
        choose_labels(request_of(asked), CAMVID, 11)


def test_names_may_be_written_in_another_case_and_colours_and_groups_differ(request_of):
    asked = named(*(name.upper() for name in CAMVID.names))
    chosen = choose_labels(request_of(asked), CAMVID, 11)
    assert (chosen.labels, chosen.warning) == (asked, '')


@pytest.mark.parametrize('own', [None, LabelSet.generic(2, 'whatever')])
def test_a_model_without_names_takes_any_of_the_right_number(own, request_of):
    asked = named('cat', 'dog')
    assert choose_labels(request_of(asked), own, 2).labels == asked
    with pytest.raises(ConfigError, match=r'has 3 classes, but .* tells 2 apart'):
        choose_labels(request_of(named('cat', 'dog', 'cow')), own, 2)


def test_override_takes_other_names_under_a_warning(request_of, caplog):
    chosen = choose_labels(request_of(CITYSCAPES, override=True), CAMVID, 11)
    assert chosen.labels == CITYSCAPES
    assert '0 Sky / road' in chosen.warning
    assert chosen.warning in caplog.text


def test_override_takes_no_fewer_labels_than_classes(request_of):
    with pytest.raises(ConfigError, match=r'has 11 classes, but .* tells 19 apart'):
        choose_labels(request_of(CAMVID, override=True), CITYSCAPES, 19)
