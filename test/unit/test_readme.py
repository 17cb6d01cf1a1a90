# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""README and documentation name everything that users can set and receive, and nothing else."""

import ast
from dataclasses import fields
import re

from documentation import (
    anchors,
    code_spans,
    commands,
    DOC_PAGES,
    first_block_line,
    links,
    page,
    PAGES,
    ROOT,
    yaml_blocks,
)
import pytest
from rtformer_ros.engines import engine_names
from rtformer_ros.processes.executables import PROGRAMS, TOOLS
from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.interface.topics import output_topics
from rtformer_ros.ros.programs.image_source_settings import ImageSourceSettings
from rtformer_ros.ros.web.settings import WebSettings

README = page('README.md')
MOST_README_LINES = 139
LAST_LINE_OF_FIRST_BLOCK = 12

# The node's own services, and those that every lifecycle node has.
SERVICES = ('set_enabled', 'snapshot', 'change_state', 'get_state')
NODE_PARAMETERS = {
    'segmentation_node': {*SPECS},
    'image_source': {field.name for field in fields(ImageSourceSettings)},
    'web': {field.name for field in fields(WebSettings)},
}
# samples/data is a folder of OpenCV there.
PAGES_WITH_OWN_PATHS = [name for name in PAGES if name != 'samples/README.md']
ENTRY_POINTS = PROGRAMS | TOOLS
MAKE_TARGETS = set(re.findall(r'^([\w-]+):', page('Makefile'), re.MULTILINE))
MAKE_VARIABLES = set(re.findall(r'^(\w+) \?=', page('Makefile'), re.MULTILINE))


def program_source(program):
    """Return the text of all that a command line may be declared in."""
    module = ROOT / ENTRY_POINTS[program].replace('.', '/')
    folder = module.parent if module.name == '__main__' else None
    files = folder.glob('*.py') if folder else [module.with_suffix('.py')]
    return '\n'.join(path.read_text() for path in files)


def declared_arguments(launch_file):
    """Read which arguments a launch file declares, those of an included seg.launch.py too."""
    tree = ast.parse(page(f'launch/{launch_file}'))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            names |= {ast.literal_eval(key) for key in node.value.keys}
        if isinstance(node, ast.Call) and ast.unparse(node.func) == 'DeclareLaunchArgument':
            names |= {
                ast.literal_eval(each) for each in node.args if isinstance(each, ast.Constant)
            }
    return names if launch_file == 'seg.launch.py' else names | declared_arguments('seg.launch.py')


def is_file(path):
    """Tell whether there is such a file or folder, be it named from within the package."""
    tops = (ROOT, ROOT / 'rtformer_ros', ROOT / 'rtformer_ros' / 'ros')
    return any((top / f'{path}{end}').exists() for top in tops for end in ('', '.py'))


@pytest.mark.parametrize('name', PAGES)
def test_yaml_blocks_are_yaml(name):
    assert all(isinstance(block, dict) for block in yaml_blocks(name))


def test_nav2_keeps_a_scan_on_the_ground_whatever_rounding_makes_of_its_height():
    (costmap,) = yaml_blocks('docs/nav2.md')
    # The obstacle layer drops what is out of its own heights, by default 0 to 2 m, and out of
    # those of the source, by default 0 to 0 m.
    defaults = ((costmap['free_space'], 2.0), (costmap['free_space']['scan'], 0.0))
    for heights, highest in defaults:
        assert heights['min_obstacle_height'] < 0 < heights.get('max_obstacle_height', highest)


@pytest.mark.parametrize('name', SPECS)
def test_every_parameter_is_documented(name):
    assert f'`{name}`' in page('docs/parameters.md')


@pytest.mark.parametrize('topic', output_topics())
def test_every_topic_is_documented(topic):
    assert f'`~/{topic}`' in page('docs/topics.md')


@pytest.mark.parametrize('engine', engine_names())
def test_every_engine_is_documented(engine):
    assert f'`{engine}`' in page('docs/models.md')


@pytest.mark.parametrize('program', ENTRY_POINTS)
def test_every_program_is_documented(program):
    everything = '\n'.join(command for name in PAGES for command in commands(name))
    assert f'ros2 run rtformer_ros {program}' in everything


def test_files_that_are_named_exist():
    named = re.findall(r'(?:\]\(|`)((?:docs|config|samples|models|test)/[\w./-]*)', README)
    assert len(named) > 5
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_first_two_commands_are_demo_and_test():
    block = re.search(r'```sh\n(.*?)```', README, re.DOTALL)
    assert block is not None
    assert block[1].split('\n')[:2] == ['make demo', 'make test']


def test_the_readme_is_one_page():
    assert len(README.splitlines()) <= MOST_README_LINES


def test_the_readme_links_every_page():
    assert set(DOC_PAGES) - set(links('README.md')) == set()


@pytest.mark.parametrize('name', DOC_PAGES)
def test_a_page_begins_with_its_command(name):
    assert first_block_line(name) is not None
    assert first_block_line(name) <= LAST_LINE_OF_FIRST_BLOCK


@pytest.mark.parametrize('name', PAGES)
def test_links_lead_somewhere(name):
    broken = []
    for link in links(name):
        target, _, anchor = link.partition('#')
        path = ((ROOT / name).parent / target).resolve() if target else ROOT / name
        if not path.exists() or (anchor and anchor not in anchors(path.relative_to(ROOT))):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize('name', PAGES_WITH_OWN_PATHS)
def test_paths_in_code_exist(name):
    paths = [
        span
        for span in code_spans(name)
        if re.fullmatch(
            r'(?:config|launch|models|samples|scripts|test|docs|rtformer_ros)/[\w./-]*', span
        )
    ]
    assert [path for path in paths if 'NAME' not in path and not is_file(path)] == []


@pytest.mark.parametrize('name', PAGES)
def test_programs_and_their_options_exist(name):
    for command in commands(name):
        for program, rest in re.findall(r'ros2 run rtformer_ros (\S+)(.*)', command):
            assert program in ENTRY_POINTS, command
            options = [] if '--ros-args' in rest else re.findall(r' (--[\w-]+)', rest)
            source = program_source(program)
            assert [option for option in options if f"'{option}'" not in source] == [], command


@pytest.mark.parametrize('name', PAGES)
def test_modules_that_are_run_exist(name):
    modules = re.findall(r'-m (rtformer_ros[\w.]*\w)', '\n'.join(commands(name)))
    paths = [module.removesuffix('.NAME').replace('.', '/') for module in modules]
    assert [path for path in paths if not is_file(path)] == []


@pytest.mark.parametrize('name', PAGES)
def test_make_targets_exist(name):
    for command in commands(name):
        for target, rest in re.findall(r'^make ([\w-]+)(.*)', command):
            assert target in MAKE_TARGETS, command
            assert set(re.findall(r' ([A-Z]+)=', rest)) <= MAKE_VARIABLES, command


@pytest.mark.parametrize('name', PAGES)
def test_launch_files_and_their_arguments_exist(name):
    for command in commands(name):
        for launch_file, rest in re.findall(r'ros2 launch rtformer_ros (\S+)(.*)', command):
            given = set(re.findall(r' (\w+):=', rest))
            assert given <= declared_arguments(launch_file), command


def test_every_launch_argument_is_documented():
    rows = re.findall(r'^\| (`.*?`) \|', page('docs/launch.md'), re.MULTILINE)
    assert set(re.findall(r'`(\w+)`', ' '.join(rows))) == declared_arguments('seg.launch.py')
    named = set(code_spans('docs/launch.md'))
    for launch_file in ('demo.launch.py', 'nav2.launch.py'):
        assert declared_arguments(launch_file) - named == set()


@pytest.mark.parametrize('name', PAGES)
def test_parameters_in_commands_exist(name):
    for command in commands(name):
        for program, rest in re.findall(r'ros2 run rtformer_ros (\w+) --ros-args(.*)', command):
            given = set(re.findall(r'-p ([\w.]+):=', rest))
            assert given <= NODE_PARAMETERS[program], command
        for parameter in re.findall(r'ros2 param \w+ /segmentation_node ([a-z][\w.]*)', command):
            assert parameter in SPECS, command


@pytest.mark.parametrize('name', PAGES)
def test_parameters_with_a_prefix_exist(name):
    prefixes = {parameter.partition('.')[0] for parameter in SPECS if '.' in parameter}
    form = re.compile(rf'((?:{"|".join(prefixes)})\.[a-z_.]+)(?::=.*)?')
    named = [match[1] for match in map(form.fullmatch, code_spans(name)) if match]
    files = ('.py', '.yaml', '.json', '.md')
    assert [each for each in named if each not in SPECS and not each.endswith(files)] == []


@pytest.mark.parametrize('name', PAGES)
def test_topics_and_services_of_the_node_exist(name):
    known = {*output_topics(), *SERVICES}
    spans = ' '.join(code_spans(name))
    named = re.findall(r'~/(?:front/)?([a-z_]+(?:/compressed)?)(?![\w./])', spans)
    assert set(named) - known == set()


def test_the_diagnostics_have_the_keys_that_are_explained():
    section = (
        page('docs/troubleshooting.md').split('## What diagnostics report')[1].split('\n## ')[0]
    )
    cells = ' '.join(re.findall(r'^\| (`.*?`) \|', section, re.MULTILINE))
    keys = [key.removeprefix('dropped: ') for key in re.findall(r'`([^`]+)`', cells)]
    modules = [
        *(ROOT / 'rtformer_ros').glob('ros/*/*.py'),
        ROOT / 'rtformer_ros/stream/statistics.py',
    ]
    source = '\n'.join(path.read_text() for path in modules)
    assert len(keys) > 25
    assert [key for key in keys if f"'{key}'" not in source] == []


def test_modules_and_folders_of_the_architecture_exist():
    spans = code_spans('docs/architecture.md')
    paths = [span for span in spans if re.fullmatch(r'[a-z][\w.]*/[\w./-]*|[\w/]+\.py', span)]
    assert len(paths) > 30
    assert [path for path in paths if 'NAME' not in path and not is_file(path)] == []


def test_the_architecture_lists_every_room():
    package = ROOT / 'rtformer_ros'
    folders = [
        init.parent for top in (package, package / 'ros') for init in top.glob('*/__init__.py')
    ]
    assert {f'{folder.name}/' for folder in folders} - set(
        code_spans('docs/architecture.md')
    ) == set()


def test_classes_and_functions_of_the_architecture_exist():
    sources = [*(ROOT / 'rtformer_ros').rglob('*.py'), *(ROOT / 'test' / 'contract').glob('*.py')]
    defined = set(
        re.findall(
            r'^ *(?:class|def) (\w+)', '\n'.join(p.read_text() for p in sources), re.MULTILINE
        )
    )
    diagrams = re.findall(r'```mermaid\n(.*?)```', page('docs/architecture.md'), re.DOTALL)
    drawn = re.findall(r'\b[A-Z][a-z]+[A-Z]\w+', re.sub('TensorRT', '', ' '.join(diagrams)))
    spans = code_spans('docs/architecture.md')
    written = [span for span in spans if re.fullmatch(r'[A-Z][a-z]+[A-Z]\w+(?:\.\w+)?', span)]
    names = {name for each in (*drawn, *written) for name in each.split('.')}
    assert len(names) > 20
    assert names - defined == set()
