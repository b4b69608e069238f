# make demo | test | precompute | dashboard: the README says what each does.
# A Python that runs, of a version's name or among pyenv's; the first of them unless PYTHON says.
VERSIONS := 3.11 3.12 3.13
python = $(shell for one in python$(1) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(1).*/bin/python; do \
	"$$one" -c "" 2>/dev/null && command -v "$$one" && break; done)
PYTHON ?= $(or $(firstword $(foreach version,$(VERSIONS),$(call python,$(version)))),python3)
RESULTS ?= $(or $(PEEL_RESULTS),results)
# Not written into commands, whose shell would read a name with quotes otherwise.
demo demo-run precompute serve test-browser: export PEEL_RESULTS := $(RESULTS)
BACKEND ?= huggingface
CONFIG ?= precompute/configs/$(if $(filter lavis,$(BACKEND)),whoops-lavis,whoops).toml
PORT ?= 8501

VENV ?= .venv
BIN := $(VENV)/bin
PEEL := $(BIN)/python -m precompute
SERVE = $(BIN)/python -m dashboard.serve --port $(PORT) $(if $(BASE),--base "$(BASE)")

.PHONY: demo demo-run precompute setup-lavis test-lavis rehearse dashboard serve train-demo bench bench-store stress test test-fast \
	test-pythons lint test-browser locks audit clean

# The page opens as soon as there is something to see; what remains is made meanwhile.
DEMO := run precompute/configs/demo.toml
demo: $(VENV)/demo
	@$(SERVE) -- $(PEEL) $(DEMO)

demo-run: $(VENV)/demo
	$(PEEL) $(DEMO)

# LAVIS lives in an environment of its own, which BACKEND=lavis chooses. Its warnings are for those
# who maintain it.
LAVIS := .venv-lavis/bin/python -W ignore::FutureWarning
precompute: $(if $(filter lavis,$(BACKEND)),.venv-lavis,.venv)/all
	$(if $(filter lavis,$(BACKEND)),$(LAVIS),$(BIN)/python) \
		-m precompute run "$(CONFIG)"

# InstructBLIP Flan-T5-XL at full size with random weights, on the CPU: minutes, within 22 GiB.
# MODEL=smolvlm-256m, llava-onevision-0.5b or qwen3-vl-2b is another; DTYPE=bfloat16 takes half.
rehearse: .venv/all
	$(BIN)/python -m precompute.rehearse.__main__ --model $(or $(MODEL),instructblip) \
		--dtype $(or $(DTYPE),float32)

dashboard: $(VENV)/dashboard serve

# BASE=/lab/peel: below that path of an address, as a proxy hands it on.
serve:
	@$(SERVE)

# Trains the small captioner that the demo reads, for up to HOURS; FURTHER=1 begins with the weights
# that are there, EVAL_ONLY=1 only measures them.
train-demo: .venv/all
	$(BIN)/python -m precompute.demo.train $(if $(EVAL_ONLY),--eval-only) $(if $(FURTHER),--further) $(if $(HOURS),--hours $(HOURS))

bench: .venv/all
	$(BIN)/python -m bench

# A run of ImageNet-val's size, of random numbers, through the store; 5 GB in the temporary folder.
bench-store: .venv/all
	$(BIN)/python -m bench.store $(if $(IMAGES),--images $(IMAGES))

# Kills runs for SECONDS, with what SEED draws, and compares what is left with a run left alone.
stress: .venv/all
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.stress \
		--seconds $(or $(SECONDS),600) --seed $(or $(SEED),0)

# A process a core, up to four, and a thread a process: threads that wait for each other cost most.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "not browser"

# A part in under a minute. Left out: all that publishes, opens a page, trains, is killed or wants
# many steps of the model; that is, most of the other folders.
test-fast: .venv/all
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 -q tests/test_walls.py \
		$(addprefix tests/store/,disk metrics parts) \
		$(addprefix tests/dashboard/,captions charts names) \
		$(addprefix tests/precompute/,config forward images metrics)

# A reader's installation, with no torch, on each Python of VERSIONS that is here.
TESTS = tests/store tests/dashboard
test-pythons: $(addprefix test-python-,$(VERSIONS))

test-python-%:
	@if [ -n "$(call python,$*)" ]; then \
		$(MAKE) --no-print-directory test-reader VENV=.venv-$* PYTHON="$(call python,$*)"; \
	else echo "Python $* is not here: nothing tested on it"; fi

.PHONY: test-reader
test-reader: $(VENV)/dashboard
	grep -hE '^(beartype|hypothesis|jaxtyping|pytest|pytest-xdist)==' requirements.txt requirements-demo.txt | \
		xargs $(BIN)/pip install --quiet --disable-pip-version-check
	! $(BIN)/python -c "import torch" 2>/dev/null
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 -q $(TESTS)

lint: .venv/all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup-lavis: .venv-lavis/all

# The same weights in transformers and in LAVIS, then the demo's run through LAVIS, opened in the
# dashboard. The two libraries need two environments: each writes its numbers to files.
LAVIS_CHECK := .venv-lavis/check
test-lavis: .venv/all .venv-lavis/all
	rm -rf $(LAVIS_CHECK) && mkdir $(LAVIS_CHECK)
	$(BIN)/python -m tests.lavis.transformers_side $(LAVIS_CHECK)
	PEEL_LAVIS_CHECK="$(abspath $(LAVIS_CHECK))" .venv-lavis/bin/python -m pytest \
		-c tests/lavis/pytest.ini tests/lavis -rP --ignore=tests/lavis/test_dashboard.py
	$(LAVIS) -m precompute run precompute/configs/demo.toml --results $(LAVIS_CHECK)/results \
		--set model.backend=lavis --set model.path=$(LAVIS_CHECK)/demo
	PEEL_LAVIS_CHECK="$(abspath $(LAVIS_CHECK))" $(BIN)/python -m pytest \
		-c tests/lavis/pytest.ini tests/lavis/test_dashboard.py

# Starts the real server on the demo's results; needs Debian's chromium. A test that fails is run once
# more: the summary names it.
test-browser: .venv/all demo-run
	$(BIN)/python -m pytest -n 3 --dist loadfile --reruns 1 -raR -m browser

clean:
	rm -rf .venv .venv-lavis .venv-tools $(addprefix .venv-,$(VERSIONS))

# A reader's laptop gets no torch: `make dashboard` installs the first, `make demo` the second, all
# else the third. A lock names every package and the hashes of its files: pip takes nothing else.
# What pip says is shown where it fails. Of the modules that are installed the fewest are ever
# imported: those of the first minute are compiled by importing them once, the others when they are.
INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
LOCKED = $(INSTALL) --no-deps --require-hashes
quietly = @echo "$(1)"; log=$$(mktemp); $(2) >$$log 2>&1 || { tail -n 20 $$log; rm -f $$log; exit 1; }; rm -f $$log
IMPORTS := dashboard.views.image.page, dashboard.views.images.page, streamlit.web.bootstrap
trying = $(call quietly,Trying it out,env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c "import $(IMPORTS)$(1)")
OF_A_RUN := , precompute.__main__, bert_score.utils
packages = $$(grep -c '^[a-z0-9].*==' $(1)) packages
$(VENV)/dashboard: requirements-dashboard.lock | $(VENV)/bin/python
	$(call quietly,Installing $(call packages,$<) for the dashboard,$(LOCKED) -r $<)
	$(trying)
	@touch $@

$(VENV)/demo: requirements-demo.lock requirements-demo.txt | $(VENV)/bin/python
	$(call quietly,Installing $(call packages,$<): a minute or two,$(LOCKED) -r $<)
	$(torch)
	$(call trying,$(OF_A_RUN))
	@touch $@ $(VENV)/dashboard

.venv/all: requirements.lock requirements.txt | .venv/bin/python
	$(call quietly,Installing $(call packages,$<): two minutes or three,$(LOCKED) -r $<)
	$(torch)
	$(call trying,$(OF_A_RUN))
	@touch $@ .venv/demo .venv/dashboard

# Which build of torch fits, with or without CUDA, is the machine's affair: its version alone is held.
torch = $(call quietly,Installing torch: 200 MB$(comma) or gigabytes where pip takes the build for GPUs,\
	grep '^torch==' requirements-demo.txt | xargs $(INSTALL))
comma := ,

# After a change of requirements: all locks, for all of VERSIONS and every platform. Overrides take
# torch out, with all that its CUDA builds want; sympy and networkx are what every build wants. And
# of the demo what two packages name and nothing of theirs imports that is used here.
LOCK = .venv-tools/bin/uv pip compile --quiet --universal --generate-hashes --no-header \
	--custom-compile-command "make locks" --python-version $(firstword $(VERSIONS))
locks: .venv-tools/all
	$(LOCK) requirements-dashboard.txt --output-file requirements-dashboard.lock
	printf 'sympy\nnetworkx\n' | $(LOCK) requirements.txt - --output-file requirements.lock \
		--overrides .venv-tools/without-torch
	cp requirements.lock requirements-demo.lock  # of each package the same version
	printf 'sympy\nnetworkx\n' | $(LOCK) requirements-demo.txt - --output-file requirements-demo.lock \
		--overrides .venv-tools/without-torch --overrides .venv-tools/without-unused

# Known faults of what is locked, as its database on the network has them; what it cannot look up fails.
audit: .venv-tools/all
	.venv-tools/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.lock

.venv-tools/all: | .venv-tools/bin/python
	.venv-tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 pip-audit==2.10.1
	@echo 'torch; python_version < "3"' > .venv-tools/without-torch
	@printf '%s; python_version < "3"\n' sentence-transformers pycocotools > .venv-tools/without-unused
	@touch $@

# What LAVIS's dependencies are built with has to be there before them; 5 GB with torch's for CUDA.
.venv-lavis/all: requirements-lavis.txt | .venv-lavis/bin/python
	grep -E '^(setuptools|wheel|numpy|torch|torchvision)==' $< | \
		xargs .venv-lavis/bin/pip install --quiet --disable-pip-version-check
	.venv-lavis/bin/pip install --quiet --disable-pip-version-check --no-build-isolation -r $<
	@touch $@

# LAVIS knows one Python, Peel those of VERSIONS.
WANTED = $(VERSIONS)
.venv-lavis/bin/python: WANTED = 3.11
.venv-lavis/bin/python: PYTHON = $(or $(call python,3.11),python3)
%/bin/python:
	@version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])') && \
	case " $(WANTED) " in *" $$version "*) ;; *) \
		echo "Peel's pinned requirements want Python $(WANTED); $(PYTHON) is $$version." \
		"Name one that is: make PYTHON=/path/to/python3.11"; exit 1;; esac && \
	echo "Setting up $*: Python $$version, $(PYTHON)"
	@$(PYTHON) -m venv $*
