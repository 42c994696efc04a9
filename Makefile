# make demo | test | bench | lint | config      ROS=kilted (default) | jazzy
ROS ?= kilted
PYTHON ?= python3
TESTS ?= test
VENV := .venv$(if $(filter-out kilted,$(ROS)),-$(ROS))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PYTHONPATH :=
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help demo test bench lint config setup clean
help:
	@echo 'make demo    set up, replay a short bag through the real node, render demo/preview.png and .mp4'
	@echo '             (BAG=path IMAGE_TOPIC=/camera/image_raw for your own bag)'
	@echo 'make test    set up and run the tests (TESTS=test/ros for a part of them)'
	@echo 'make lint    ruff and mypy --strict'
	@echo 'make bench   measure every figure that the README quotes'
	@echo 'make config  write config/depth.yaml anew from the defaults in the code'
	@echo 'make clean   remove the virtual environments and everything that was built'
	@echo 'ROS=jazzy    the same on the wheels of ROS 2 Jazzy (default: kilted)'

setup: $(READY)

$(READY): requirements.txt setup.py Makefile
	@case '$(ROS)' in kilted|jazzy) ;; \
	  *) echo "ROS=$(ROS) is not known here: use ROS=kilted or ROS=jazzy." >&2; exit 1;; esac
	@command -v $(PYTHON) >/dev/null || \
	  { echo '$(PYTHON) is missing: apt install python3 (3.10 or newer), or PYTHON=/path/to/python3.' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo '$(PYTHON) is too old: Python 3.10 or newer is needed (PYTHON=/path/to/python3).' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo 'The venv module of $(PYTHON) is missing: apt install python3-venv.' >&2; exit 1; }
	@test "$$(uname -m)" = x86_64 || \
	  { echo "ROS 2 wheels exist for x86_64 only, this is $$(uname -m): use a ROS distribution (README)." >&2; exit 1; }
	@test -d $(VENV) || test "$$(df -Pk . | awk 'NR==2 {print $$4}')" -gt 7000000 || \
	  { echo 'Less than 7 GB of disk are free here: PyTorch with CUDA needs that much.' >&2; exit 1; }
	@echo '== Setting up $(VENV): PyTorch, ROS 2 $(ROS) wheels and this package (minutes, about 7 GB, once)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade pip 'setuptools<80' wheel || \
	  { echo 'pip could not reach the package index: is there a network?' >&2; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -e '.[ros-$(ROS),test,lint]' || \
	  { echo 'Installing the requirements failed, see above.' >&2; exit 1; }
	@$(BIN)/python -c 'import timm, cv2, rclpy' || \
	  { echo 'The environment is broken (torch and torchvision must match): make clean, then again.' >&2; exit 1; }
	@touch $@
	@echo '== $(VENV) is ready'

demo: $(READY)
	$(BIN)/python -m mono_depth_ros.cli.demo $(if $(BAG),--bag '$(BAG)') \
	  $(if $(IMAGE_TOPIC),--image-topic '$(IMAGE_TOPIC)')

test: $(READY)
	$(BIN)/python -m pytest $(TESTS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

config: $(READY)
	$(BIN)/python -m mono_depth_ros.ros.parameters > config/depth.yaml

clean:
	rm -rf .venv .venv-jazzy build install log dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache
