# make setup      what a player needs, in .venv: then .venv/bin/livegen jam
# make demo       plays to the network without any hardware: demo.mid, demo.png, and demo.wav where FluidSynth is there
# make test       the tests of every day: less than five minutes on two cores
# make test-all   all tests, the long ones too: a quarter of an hour
# make check      format, lint and types
# make format     format, and mend what lint can mend
# make pinned     what an installation is made of, with hashes: dist/requirements.txt, dist/sbom.json, the wheel
# make dev        what working on livegen needs, in .venv-dev: tests, checks, training
# make clean      removes what these made
#
# Each sets itself up; all it needs is Python 3.11 to 3.14 and make. Another Python: make setup PYTHON=python3.12
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BASE := .venv
DEV := .venv-dev
# Tests on JACK mostly wait: three workers keep two cores busy.
# tests/support/turns.py has the order.
WORKERS ?= 3
PYTEST := tests/in_own_shm $(DEV)/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

RIGHT_PYTHON := $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
  || { echo "livegen needs Python 3.11 to 3.14, and '$(PYTHON)' is another or is missing; with such a one: make PYTHON=FILE"; exit 1; }

.PHONY: setup dev demo test test-all check format pinned clean

demo: $(BASE)/.ready
	$(BASE)/bin/livegen demo

test: $(DEV)/.ready
	$(PYTEST) -m "not long"
	@echo "These were the tests of every day. All of them: make test-all"

test-all: $(DEV)/.ready
	$(PYTEST)

check: $(DEV)/.ready
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy

format: $(DEV)/.ready
	$(DEV)/bin/ruff format .
	$(DEV)/bin/ruff check --fix .

pinned:
	$(PYTHON) -m venv dist/tools
	dist/tools/bin/python -m pip install --quiet uv cyclonedx-bom
	dist/tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  pyproject.toml --output-file dist/requirements.txt
	dist/tools/bin/cyclonedx-py requirements dist/requirements.txt --pyproject pyproject.toml \
	  --output-reproducible --output-file dist/sbom.json
	dist/tools/bin/uv build --quiet --wheel --out-dir dist
	@echo "dist/requirements.txt, dist/sbom.json and the wheel: docs/installation.md says how they are installed"

setup: $(BASE)/.ready
	@echo "livegen is ready: $(BASE)/bin/livegen demo, or with a keyboard: $(BASE)/bin/livegen jam"

dev: $(DEV)/.ready

$(BASE)/.ready: pyproject.toml
	@$(RIGHT_PYTHON)
	@echo "1 of 2: an environment of its own, $(BASE), with $(PYTHON)"
	@$(PYTHON) -m venv $(BASE)
	@echo "2 of 2: livegen and its libraries; most of the time is the download of onnxruntime"
	@$(BASE)/bin/python -m pip install --disable-pip-version-check --editable .
	@touch $@

$(DEV)/.ready: pyproject.toml constraints.txt
	@$(RIGHT_PYTHON)
	@echo "1 of 2: an environment for working on livegen, $(DEV), with $(PYTHON)"
	@$(PYTHON) -m venv $(DEV)
	@$(DEV)/bin/python -m pip install --quiet --upgrade pip
	@echo "2 of 2: livegen, its libraries, those of the tests, and those of training; torch is the largest"
	@$(DEV)/bin/python -m pip install --constraint constraints.txt --group dev --editable '.[train]'
	@touch $@

clean:
	rm -rf $(BASE) $(DEV) .cache runs dist demo.mid demo.png demo.wav
