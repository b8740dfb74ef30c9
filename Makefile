# Each target is one visible command inside the project's own environment, which is made once from the lock.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.made-from-lock
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"

.PHONY: demo test test-long test-cluster lint bench environment

demo: $(READY)
	$(RUN) snakemake --configfile workflow/presets/demo.yaml
	@echo "Open results/demo/report.html in a browser."

test: lint
	$(RUN) pytest

# what takes many minutes: the demo killed at 20 moments
test-long: $(READY)
	$(RUN) pytest tests/long -s

# the same studies on a SLURM that it starts itself: on Debian, as root, in about an hour
test-cluster: $(READY)
	$(RUN) pytest tests/cluster

lint: $(READY)
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) snakemake --lint

# options of the run: make bench OPTIONS="--quick"
bench: $(READY)
	$(VENV)/bin/python -m pip install --quiet --no-deps --requirement envs/bench.txt
	$(RUN) python -m benchmarks $(OPTIONS)

environment: $(READY)

$(READY): envs/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --requirement envs/requirements.txt
	touch $@
