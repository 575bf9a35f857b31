# Every target but `clean` first sets up .venv, if it is missing or its requirements have changed.

# The newest supported Python on the PATH. To use another one, pass PYTHON=...
PYTHON ?= $(shell for p in python3.12 python3.11 python3.10 python3; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
PHOTOS ?=
DEMO ?= demo

VENV := .venv
INSTALLED := $(VENV)/installed
RUN := $(VENV)/bin/python
export TF_CPP_MIN_LOG_LEVEL ?= 2
export TF_ENABLE_ONEDNN_OPTS ?= 1

.PHONY: demo test lint bench bench-training clean

demo: $(INSTALLED)
	@PYTHON=$(RUN) DEMO=$(DEMO) PHOTOS="$(PHOTOS)" ./demo.sh

test: $(INSTALLED)
	$(RUN) -m pytest --numprocesses=2 --dist=loadfile

lint: $(INSTALLED)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

bench: $(INSTALLED)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[benchmarks]'
	$(RUN) benchmarks/speed.py

bench-training: $(INSTALLED)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[benchmarks,jax]'
	$(RUN) benchmarks/training.py

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Expected Python 3.10, 3.11 or 3.12 on the PATH or as PYTHON=... Received: none"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[report,review,serving,beam,tests,lint]'
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO)
