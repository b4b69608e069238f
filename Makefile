# make demo | test | precompute | dashboard: the README says what each does.
PYTHON ?= $(or $(shell command -v python3.11),python3)
RESULTS ?= results
CONFIG ?= precompute/configs/whoops.toml
PORT ?= 8501

BIN := .venv/bin
PEEL := RESULTS="$(RESULTS)" $(BIN)/python -m precompute

.PHONY: demo demo-run precompute rehearse dashboard serve train-demo bench stress test lint test-browser clean

demo: demo-run serve

demo-run: .venv/all
	$(PEEL) run precompute/configs/demo.toml

precompute: .venv/all
	$(PEEL) run "$(CONFIG)"

# InstructBLIP Flan-T5-XL at full size with random weights, on the CPU: minutes, within 22 GiB.
rehearse: .venv/all
	$(BIN)/python -m precompute.rehearse --dtype $(or $(DTYPE),float32)

dashboard: .venv/dashboard serve

serve:
	@echo "Peel is at http://127.0.0.1:$(PORT) (Ctrl-C ends it)"
	PYTHONPATH=. PEEL_RESULTS="$(RESULTS)" $(BIN)/streamlit run dashboard/app.py \
		--server.address 127.0.0.1 --server.port $(PORT) --server.headless true

# Trains the small captioner that the demo reads, for up to HOURS; EVAL_ONLY=1 only measures it.
train-demo: .venv/all
	$(BIN)/python -m precompute.demo.train $(if $(EVAL_ONLY),--eval-only) $(if $(HOURS),--hours $(HOURS))

bench: .venv/all
	$(BIN)/python -m bench

# Kills runs for SECONDS, with what SEED draws, and compares what is left with a run left alone.
stress: .venv/all
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.stress \
		--seconds $(or $(SECONDS),600) --seed $(or $(SEED),0)

test: lint
	$(BIN)/python -m pytest -m "not browser"

lint: .venv/all
	$(BIN)/ruff check .
	$(BIN)/mypy

# Starts the real server on the demo's results; needs Debian's chromium.
test-browser: demo-run
	PEEL_RESULTS="$(abspath $(RESULTS))" $(BIN)/python -m pytest -m browser

clean:
	rm -rf .venv

# A reader's laptop gets no torch: `make dashboard` installs the first, all else the second.
.venv/dashboard: requirements-dashboard.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dashboard.txt
	@touch $@

.venv/all: requirements.txt requirements-dashboard.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@ .venv/dashboard

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "Peel's pinned requirements want Python 3.11, and $(PYTHON) is not that." \
		"Name one that is: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
