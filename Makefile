# Every target sets up what it needs: the virtual environment, the pinned packages and the sample corpus.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
SAMPLE := corpus/synthetic/corpus.json

# Three test processes on two cores, because much of a test with Ray is waiting; a file in one of
# them: its fixtures are made once. In our order, by which those with Ray come first: xdist's own
# starts with the files of many tests, and leaves the longest, of one test, to one process.
SIDE_BY_SIDE := --numprocesses 3 --dist loadfile --no-loadscope-reorder

ARCH ?= attention
RATIO ?= 16
DATA ?=
ARGS ?=

.PHONY: setup search promote status report check lint format test test-fast test-nightly bench chaos clean

setup: $(READY) $(SAMPLE)

# Not compiled: Python does that with what is used, when it is used.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"sar-tune needs Python 3.11 or newer, this is {v[0]}.{v[1]}: run make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(SAMPLE): | $(READY)
	$(RUN) -m data.prepare --synthetic --out corpus/synthetic

search: setup
	$(RUN) -m tune.search --arch $(ARCH) --ratio $(RATIO) $(if $(DATA),--data $(DATA)) $(ARGS)

# All finished searches without a promotion; one of them with ARGS='--arch attention --ratio 16'.
promote: setup
	$(RUN) -m tune.promote $(if $(DATA),--data $(DATA)) $(ARGS)

status: $(READY)
	$(RUN) -m tune.status $(ARGS)

report: $(READY)
	$(RUN) -m analysis.report $(ARGS)

check: lint test

lint: $(READY)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(READY)
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

test: setup
	$(RUN) -m pytest $(SIDE_BY_SIDE) -m 'not nightly' $(ARGS)

test-nightly: setup
	$(RUN) -m pytest $(SIDE_BY_SIDE) -m nightly $(ARGS)

# Two of them: these tests wait for nothing.
test-fast: setup
	$(RUN) -m pytest $(SIDE_BY_SIDE) --numprocesses 2 -m 'not ray and not browser and not slow' $(ARGS)

bench: setup
	$(RUN) -m benchmarks $(ARGS)

chaos: setup
	$(RUN) -m tests.chaos $(ARGS)

clean:
	rm -rf $(VENV) corpus/synthetic
