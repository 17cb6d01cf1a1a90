# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Opening in the node's own time never compiles, whatever becomes of what was compiled before."""

from rtformer_ros.errors import EngineBuildNeeded
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.model import opening
from rtformer_ros.ros.model.opening import ModelOpener


def test_a_plan_that_turns_out_to_be_of_no_use_has_to_be_built(monkeypatch):
    settings = NodeSettings.from_values({name: spec.default for name, spec in SPECS.items()}).model
    asked = []

    def refuse(request):
        asked.append(request)
        raise EngineBuildNeeded('the plan does not load')

    monkeypatch.setattr(opening, 'needs_build', lambda request: False)
    monkeypatch.setattr(opening, 'open_engine', refuse)
    assert ModelOpener(settings).open(settings, 60) is None
    assert [request.may_build for request in asked] == [False]
