# Every target does the set-up it needs. PYTHON=/path/to/python3.12 picks the interpreter,
# SOURCE=path the demo's pictures, VIEW=planner what it shows, MINUTES=30 how long the soak takes,
# ARGS="..." adds options to the tool that runs.

PYTHON ?=
SOURCE ?=
VIEW ?=
MINUTES ?= 30
ARGS ?=
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup demo benchmark soak parameters structure lint test smoke \
  build-with-tensorrt clean find-python

prepared = $(or $(PYTHON),python3) scripts/environment.py

help:
	@echo 'make demo [SOURCE=path]  segment a clip, video, image folder, bag or camera, see demo_output/'
	@echo 'make demo VIEW=planner   costmap and scan beside the overlay, see demo_output/planner.png'
	@echo 'make demo VIEW=web       a page to look at and tune the node, until Ctrl-C'
	@echo 'make test                lint, types and all tests'
	@echo 'make smoke               a few minutes of the tests, without PyTorch, for another PYTHON'
	@echo 'make build-with-tensorrt  every export through a real TensorRT builder, without a GPU (91 MB)'
	@echo 'make benchmark           speed of each stage on this machine'
	@echo 'make soak [MINUTES=30]   everything that may happen to the node, for that long'
	@echo 'make parameters          write config/seg.yaml and docs/parameters.md anew'
	@echo 'make structure           folders, arrows, circles and sizes of the code'
	@echo 'make setup               the set-up alone, as the demo needs it'
	@echo 'make lint                ruff and mypy alone'
	@echo 'make clean               remove what was built or made, the environment too'

find-python:
	@command -v '$(or $(PYTHON),python3)' >/dev/null || { \
	  echo 'Python is missing. Type:'; echo; \
	  echo '    sudo apt-get install python3 python3-venv'; exit 1; } >&2

setup: find-python
	@$(prepared) demo

demo: find-python
	@$(prepared) demo python -m rtformer_ros.processes.executables demo $(if $(SOURCE),--source '$(SOURCE)') \
	  $(if $(VIEW),--view '$(VIEW)') $(ARGS)

benchmark: find-python
	@$(prepared) test python -m rtformer_ros.processes.executables benchmark $(ARGS)

soak: find-python
	@SOAK_MINUTES='$(MINUTES)' $(prepared) test \
	  python -m pytest -q --timeout 0 test/soak/soak.py $(ARGS)

parameters: find-python
	@$(prepared) demo python -m rtformer_ros.ros.programs.parameter_files $(ARGS)

structure: find-python
	@$(or $(PYTHON),python3) scripts/structure.py $(ARGS)

lint: find-python
	@$(prepared) test ruff check .
	@$(prepared) test ruff format --check .
	@$(prepared) test mypy

# Tests run in a process beside the one that counts them: Fast DDS has crashed, once in some thousand
# times, when a test's own participant went. Such a test runs again; a failed assertion never does.
# Files keep their order: the many short ones come last, so that all workers end at one time.
pytest = python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder \
  --reruns 1 --only-rerun 'a crash, never an error'

test: lint
	@$(prepared) test $(pytest) $(ARGS)
	$(if $(ARGS),,@$(prepared) test $(pytest) --openvino)
	@$(prepared) test python scripts/left_out.py

# What stands on the interpreter and its wheels: images, files, an engine, a node, the demo.
smoke: find-python
	@$(prepared) smoke $(pytest) -q test/unit/imaging test/unit/labels test/unit/stream \
	  test/unit/drawing test/unit/test_model_metadata.py \
	  test/unit/engines/test_engines_onnxruntime.py \
	  test/integration/ros/node/test_node_lifecycle.py $(ARGS)

build-with-tensorrt: find-python
	@$(prepared) test python scripts/build_with_tensorrt.py $(ARGS)

clean:
	for venv in .venv .venv-*; do if [ -e $$venv/setup.json ]; then rm -rf $$venv; fi; done
	rm -rf .venv.removed build install log demo_output
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
