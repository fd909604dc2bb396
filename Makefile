# Everything is installed into .venv; delete that folder to start afresh.
BIN := .venv/bin
SUPPORTED := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3 python3.12 python3.13 python3.11 python; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)
COMFYUI_DIR ?= $(HOME)/ComfyUI
INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: help demo test oldest soak attack setup comfyui format \
	check check-format check-lint check-types check-layers check-dead

help:
	@echo "make demo    edit a few generated clips and say where the videos are"
	@echo "make test    run every test (those for nodes need a ComfyUI: COMFYUI_DIR=$(COMFYUI_DIR))"
	@echo "make check   formatting, lint, types, layers, dead code"
	@echo "make format  put the code into the house format"
	@echo "make oldest  the core's tests with the oldest versions that are promised"
	@echo "make soak    the long kill, load and memory series"
	@echo "make attack  the long series of damaged files, crafted models and wrong requests"

demo: .venv/.standalone
	$(BIN)/vivid demo --out demo

# Five at once, each on one core at most: the browser waits more than it works.
test: setup comfyui
	@export OMP_NUM_THREADS=1; \
	$(BIN)/pytest tests/core >.venv/core.log 2>&1 & core=$$!; \
	$(BIN)/pytest tests/unit tests/workflows tests/attack/test_stored.py >.venv/unit.log 2>&1 & unit=$$!; \
	$(BIN)/pytest tests/nodes tests/attack/test_server.py >.venv/nodes.log 2>&1 & nodes=$$!; \
	$(BIN)/pytest tests/e2e -k "vue" >.venv/vue.log 2>&1 & vue=$$!; \
	trap "kill $$core $$unit $$nodes $$vue" INT TERM; \
	$(BIN)/pytest tests/e2e -k "not vue"; status=$$?; \
	for stream in $$vue $$nodes $$unit $$core; do wait $$stream || status=1; done; \
	cat .venv/vue.log .venv/unit.log .venv/core.log .venv/nodes.log; exit $$status

# The oldest versions that are promised, in an environment of their own.
oldest: .venv-oldest/.ready
	OMP_NUM_THREADS=1 .venv-oldest/bin/pytest tests/core/cogvideox tests/core/edit \
	tests/core/keyframe tests/core/measure tests/core/test_parity.py tests/core/tiny tests/core/track \
	tests/unit/cogvideox tests/unit/edit tests/unit/flow tests/unit/keyframe tests/unit/mask tests/unit/measure \
	tests/unit/plan tests/unit/track

.venv-oldest/.ready: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --constraint constraints-oldest.txt \
	--editable ".[standalone]" beartype hypothesis psutil "pytest>=9" requests scipy shapely
	@touch $@

soak: setup comfyui
	$(BIN)/pytest -m soak

# Part of `make soak`. Its figures go to benchmarks/RESULTS.md.
attack: setup comfyui
	$(BIN)/pytest -m "soak or not soak" tests/attack

setup: .venv/.test

check: check-format check-lint check-types check-layers check-dead

check-format: setup
	$(BIN)/ruff format --check .

check-lint: setup
	$(BIN)/ruff check .

check-types: setup
	$(BIN)/pyright --pythonpath $(BIN)/python

# The link gives the pack one name, whatever its folder is called.
check-layers: setup
	@mkdir -p .venv/pack && ln -sfn "$(CURDIR)" .venv/pack/vivid_pack
	PYTHONPATH=.venv/pack $(BIN)/lint-imports --no-cache

# What only tests use is dead; the second run is for the tests' own helpers.
check-dead: setup
	$(BIN)/vulture
	$(BIN)/vulture __init__.py vivid_core nodes benchmarks tests

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 with its venv module is needed: \
	install one, or name it: make PYTHON=/path/to/python"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/.standalone: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable ".[standalone]"
	@touch $@

# With what the demo needs, in one go.
.venv/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable ".[standalone,test]"
	@touch .venv/.standalone $@

# ComfyUI runs in .venv too, unless COMFYUI_PYTHON names an environment of its own. The copy of
# its requirements tells which checkout .venv was last made ready for.
comfyui: setup
	@if [ -z "$(COMFYUI_PYTHON)" ] && [ -f "$(COMFYUI_DIR)/requirements.txt" ] \
	&& ! cmp -s "$(COMFYUI_DIR)/requirements.txt" .venv/.comfyui; then \
		echo "installing what $(COMFYUI_DIR) needs" \
		&& $(BIN)/python -m pip install --quiet -r "$(COMFYUI_DIR)/requirements.txt" \
		&& cp "$(COMFYUI_DIR)/requirements.txt" .venv/.comfyui; \
	fi
