# make demo   annotate 500 real CTCF ChIP-seq peaks with the shipped network, into demo_out/
# make test   every check: style, types, tests, docstring examples, the site of the docs
# make site   that site, into site/; open site/index.html
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test site lint typecheck unit benchmark clean

demo: .venv/installed
	$(BIN)/genoplrp demo -o demo_out --overwrite

test: lint typecheck unit

site: .venv/ready
	$(BIN)/mkdocs build --strict

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: .venv/ready
	$(BIN)/mypy

# A file of tests a core, four at most, each on one thread.
unit: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

benchmark: .venv/ready
	$(BIN)/python benchmarks/talgata.py

# What is needed to use the package; the demo shall not wait for what only the tests need.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[fast,notebook]"
	touch $@

# zennit and quantus are test-time peers only, hence --no-deps: zennit's torchvision would replace the pinned torch, and
# quantus' opencv-python wants a system with libGL.
.venv/ready: .venv/installed
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	$(BIN)/pip install --quiet --no-deps quantus==0.6.0 zennit==0.5.1
	touch $@

clean:
	rm -rf .venv demo_out site
