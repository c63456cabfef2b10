# make demo and make test set themselves up; all they need is Python 3.11 (or 3.12) and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BASE := .venv
DEV := .venv-dev

.PHONY: demo test check format setup clean

demo: $(BASE)/.ready
	$(BASE)/bin/livegen demo

test: $(DEV)/.ready
	$(DEV)/bin/python -m pytest

check: $(DEV)/.ready
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy

format: $(DEV)/.ready
	$(DEV)/bin/ruff format .
	$(DEV)/bin/ruff check --fix .

setup: $(BASE)/.ready $(DEV)/.ready

$(BASE)/.ready: pyproject.toml
	$(PYTHON) -m venv $(BASE)
	$(BASE)/bin/python -m pip install --quiet --upgrade pip
	$(BASE)/bin/python -m pip install --quiet --editable .
	touch $@

$(DEV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python -m pip install --quiet --upgrade pip
	$(DEV)/bin/python -m pip install --quiet --constraint constraints.txt --group dev --editable '.[train]'
	touch $@

clean:
	rm -rf $(BASE) $(DEV) .cache runs dist demo.mid demo.png
