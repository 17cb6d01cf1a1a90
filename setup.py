# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Install the package the way ROS 2 expects (ament_python)."""

from pathlib import Path
import re

from setuptools import find_packages, setup

PACKAGE = 'rtformer_ros'
HERE = Path(__file__).parent
SHARED_FOLDERS = ('launch', 'config', 'models', 'samples')


def version() -> str:
    """Return the version that the package itself states."""
    text = (HERE / PACKAGE / '__init__.py').read_text(encoding='utf-8')
    match = re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE)
    if match is None:
        raise RuntimeError(f'{PACKAGE}/__init__.py states no __version__')
    return match[1]


def shared_files() -> list[tuple[str, list[str]]]:
    """Return (folder under the prefix, its files) for everything that goes to share/."""
    folders: dict[str, list[str]] = {}
    for top in SHARED_FOLDERS:
        for path in sorted((HERE / top).rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                file = path.relative_to(HERE)
                folders.setdefault(f'share/{PACKAGE}/{file.parent}', []).append(str(file))
    return list(folders.items())


setup(
    name=PACKAGE,
    version=version(),
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={f'{PACKAGE}.ros.web': ['page/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml', 'LICENSE']),
        *shared_files(),
    ],
    install_requires=['setuptools'],
    extras_require={'test': ['pytest']},
    zip_safe=False,
    author='The rtformer_ros developers',
    maintainer='SET BEFORE RELEASE',
    maintainer_email='set-before-release@example.org',
    description='Real-time semantic segmentation of camera images with RTFormer',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'segmentation_node = rtformer_ros.processes.executables:main',
            'image_source = rtformer_ros.processes.executables:main',
            'export = rtformer_ros.processes.executables:main',
            'check_model = rtformer_ros.processes.executables:main',
            'describe_model = rtformer_ros.processes.executables:main',
            'build_engine = rtformer_ros.processes.executables:main',
            'verify_gpu = rtformer_ros.processes.executables:main',
            'process_bag = rtformer_ros.processes.executables:main',
            'benchmark = rtformer_ros.processes.executables:main',
            'demo = rtformer_ros.processes.executables:main',
            'train = rtformer_ros.processes.executables:main',
            'import_labels = rtformer_ros.processes.executables:main',
            'evaluate = rtformer_ros.processes.executables:main',
            'compare_networks = rtformer_ros.processes.executables:main',
            'convert = rtformer_ros.processes.executables:main',
            'download = rtformer_ros.processes.executables:main',
            'models = rtformer_ros.processes.executables:main',
            'web = rtformer_ros.processes.executables:main',
        ],
    },
)
