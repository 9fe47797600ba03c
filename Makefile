# make demo   two synthetic performers, one shot, the whole way from plate to EXR
# make test   formats, lints, checks types and imports, runs the tests
# Both set everything up by themselves: .venv, from the pins in constraints.txt.

PYTHON  ?= python3.11
MINUTES ?= 6
PRESET  ?= u128
DEMO    ?= understudy-demo
FORMAT  ?=

BIN   := .venv/bin
READY := .venv/.ready

.PHONY: demo test clean

demo: $(READY)
	@$(BIN)/understudy demo $(DEMO) --minutes $(MINUTES) --preset $(PRESET)

test: $(READY)
	@$(BIN)/ruff format $(FORMAT) .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@cd engine && ../$(BIN)/lint-imports --config ../pyproject.toml --no-cache
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache

$(READY): constraints.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Understudy needs Python 3.11: install it, or run make with PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c "$$CHECK_LIBRARIES"
	@echo "Setting up .venv: about 5 GB, a few minutes, only this once"
	@$(PYTHON) -m venv .venv
	@PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $(READY)

# mediapipe, which finds faces, is linked against these and says so only when it is first used
define CHECK_LIBRARIES
import ctypes.util, sys
missing = [name for name in ("GL", "EGL", "GLESv2") if sys.platform == "linux" and not ctypes.util.find_library(name)]
sys.exit(f"Missing system libraries: {', '.join('lib' + name for name in missing)}. On Debian or Ubuntu run: apt-get install libgl1 libegl1 libgles2" if missing else 0)
endef
export CHECK_LIBRARIES
