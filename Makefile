# Each target is one visible command inside the project's own environment, which make builds once from the lock.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.made-from-lock
# make environment TORCH=cpu: without CUDA's libraries (4 GB)
TORCH ?= cuda
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"

.PHONY: demo test test-all test-long test-cases test-cluster lint bench environment

demo: $(READY)
	$(RUN) snakemake --configfile workflow/presets/demo.yaml
	@echo "The demo is done. Open results/demo/report.html in a browser, then results/demo/explorer.html."

PYTEST := pytest -n auto --dist loadfile --no-loadscope-reorder

test: lint
	$(RUN) $(PYTEST) -m "not slow"

# also studies that are stopped, moved, damaged and repaired
test-all: lint
	$(RUN) $(PYTEST)

# tests that take many minutes: the demo killed at 20 moments, 2,000 damaged files
test-long: $(READY)
	$(RUN) pytest tests/long -s

# inputs that once went wrong, as users gave them: ADVSPECTRA_CASES names their folder
test-cases: $(READY)
	$(RUN) pytest tests/cases

# the same studies on a SLURM that it starts itself: on Debian, as root, in about an hour
test-cluster: $(READY)
	$(RUN) pytest tests/cluster

lint: $(READY)
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) snakemake --lint

# with options: make bench OPTIONS="--quick"
bench: $(READY)
	$(VENV)/bin/python -m pip install --quiet --no-deps --requirement envs/bench.txt
	$(RUN) python -m benchmarks $(OPTIONS)

environment: $(READY)

# Edits of the lock. On Linux, torch's builds without CUDA have names of their own, which not every index has.
LOCK_cuda := -e ''
LOCK_cpu := -e '/^(nvidia-|cuda-|triton=)/d' $(if $(filter Linux,$(shell uname)),-e 's/^(torch|torchvision)==[^ ]+/&+cpu/')
HINT_cpu := echo "set PIP_EXTRA_INDEX_URL to the address of torch's CPU builds, which PyTorch's installation page gives" >&2;

# The .pth file lets the environment's Python import the library from its place here.
$(READY): envs/requirements.txt
	$(if $(LOCK_$(TORCH)),,$(error TORCH=$(TORCH): expected cuda or cpu))
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit("advspectra needs Python 3.11 or newer; \
	$(PYTHON) is %d.%d: name another, as in make environment PYTHON=python3.11" % v)'
	$(PYTHON) -m venv $(VENV)
	sed -E $(LOCK_$(TORCH)) envs/requirements.txt > $(VENV)/requirements.txt
	$(VENV)/bin/python -m pip install --quiet --requirement $(VENV)/requirements.txt \
	  || { $(HINT_$(TORCH)) exit 1; }
	echo "$(CURDIR)/workflow/lib" > \
	  "$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/advspectra.pth"
	touch $@
