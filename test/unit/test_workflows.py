# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Workflows run what exists, on all distributions; forms for issues ask for a snapshot."""

from pathlib import Path
import re

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
# BaseLoader: `on` is a word there and not a truth value.
WORKFLOWS = {
    path.name: yaml.load(path.read_text(), yaml.BaseLoader)
    for path in ROOT.glob('.github/workflows/*')
}
FORMS = {
    path.name: yaml.safe_load(path.read_text())
    for path in ROOT.glob('.github/ISSUE_TEMPLATE/*')
    if path.name != 'config.yml'
}
TARGETS = set(re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))


def commands(workflow):
    steps = [step for job in workflow['jobs'].values() for step in job['steps']]
    return [step['run'] for step in steps if 'run' in step]


@pytest.mark.parametrize('name', WORKFLOWS)
def test_make_targets_and_tests_of_workflows_exist(name):
    text = '\n'.join(commands(WORKFLOWS[name]))
    targets = re.findall(r'^ *make ([\w-]+)', text, re.MULTILINE)
    assert targets
    assert set(targets) <= TARGETS
    assert [path for path in re.findall(r'test/[\w/.]+', text) if not (ROOT / path).exists()] == []


def test_make_test_is_run_as_a_whole():
    assert 'make test' in commands(WORKFLOWS['test.yaml'])


@pytest.mark.parametrize(
    ('name', 'job'), [('test.yaml', 'workspace'), ('launch_files.yaml', 'launch-files')]
)
def test_all_distributions_are_tried(name, job):
    matrix = WORKFLOWS[name]['jobs'][job]['strategy']['matrix']
    assert matrix['distribution'] == ['humble', 'jazzy', 'kilted']


@pytest.mark.parametrize('name', FORMS)
def test_issues_ask_for_the_snapshot(name):
    form = FORMS[name]
    assert {'name', 'description', 'body'} <= set(form)
    identifiers = [item['id'] for item in form['body'] if item['type'] != 'markdown']
    assert len(set(identifiers)) == len(identifiers)
    [snapshot] = [item for item in form['body'] if item.get('id') == 'snapshot']
    description = snapshot['attributes']['description']
    assert 'snapshot.json' in description
    assert 'ros2 service call /segmentation_node/snapshot std_srvs/srv/Trigger' in description
