# make demo | test | bench | soak | lint | format | config      ROS=kilted (default) | jazzy
ROS ?= kilted
PYTHON ?= python3
TESTS ?= test
ifeq ($(filter kilted jazzy,$(ROS)),)
$(error ROS=$(ROS) is not known here: use ROS=kilted or ROS=jazzy)
endif
VENV := .venv$(if $(filter-out kilted,$(ROS)),-$(ROS))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UNFINISHED := $(VENV)/.unfinished
# Tools run as modules: the first line of a script cannot name a folder with a space. -qq: errors only.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
export PYTHONPATH :=
export OMP_WAIT_POLICY ?= PASSIVE
# Imported anywhere, ONNX Runtime would report to its makers.
export ORT_DISABLE_TELEMETRY := 1
# The wheels bring their own: what a shell's sourced distribution says would mix two of them.
unexport AMENT_PREFIX_PATH COLCON_PREFIX_PATH CMAKE_PREFIX_PATH LD_LIBRARY_PATH RMW_IMPLEMENTATION
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

.PHONY: help demo test bench soak lint format config setup clean
help:
	@echo 'make demo    set up, replay a short bag through the real node, render demo/preview.png and .mp4'
	@echo '             (BAG=path IMAGE_TOPIC=/camera/image_raw for your own bag)'
	@echo 'make test    set up and run the tests (TESTS=test/ros for a part of them)'
	@echo 'make lint    ruff, mypy --strict, codespell and mdformat, changing nothing'
	@echo 'make format  lay out code and Markdown as make lint expects it'
	@echo 'make bench   measure every figure that the README quotes, then let the node work for ten minutes'
	@echo 'make soak    let the node work at 30 Hz for ten minutes (HOURS=24) and see what grows'
	@echo 'make config  write config/depth.yaml anew from the defaults in the code'
	@echo 'make clean   remove the virtual environments and everything that was built'
	@echo 'ROS=jazzy    the same on the wheels of ROS 2 Jazzy (default: kilted)'

setup: $(READY)

# pip cannot mend what a kill left of a package: an environment that was not finished is made anew.
$(READY): requirements.txt requirements-report.txt requirements-train.txt setup.py Makefile
	@'$(PYTHON)' -c 'import sys; sys.stdout.write("ok")' 2>/dev/null | grep -q ok || \
	  { echo "PYTHON=$(PYTHON) does not run: apt install python3 (3.10 or newer), or PYTHON=/path/to/python3." >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "$$('$(PYTHON)' --version 2>&1) is too old: 3.10 or newer is needed (PYTHON=/path/to/python3)." >&2; exit 1; }
	@'$(PYTHON)' -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo 'The venv module of $(PYTHON) is missing: apt install python3-venv.' >&2; exit 1; }
	@test "$$(uname -m)" = x86_64 || \
	  { echo "ROS 2 wheels exist for x86_64 only, this is $$(uname -m): use a ROS distribution (README)." >&2; exit 1; }
	@test -e $@ || test "$$(( $$(df -Pk . | awk 'NR==2 {print $$4}') + $$(du -sk $(VENV) 2>/dev/null | cut -f1) + 0 ))" -gt 7000000 || \
	  { echo "Only $$(df -Ph . | awk 'NR==2 {print $$4}') of disk free here: PyTorch with CUDA needs 7 GB." >&2; exit 1; }
	@echo '== Setting up $(VENV): PyTorch, ROS 2 $(ROS) wheels and this package (minutes, about 7 GB, once)'
	@test ! -e $(UNFINISHED) || { echo '== $(VENV) was left unfinished: making it anew'; rm -rf $(VENV); }
	@mkdir -p $(VENV) && touch $(UNFINISHED)
	@test -x $(BIN)/python || { '$(PYTHON)' -m venv $(VENV) && $(PIP) --upgrade pip 'setuptools<80' wheel; } || \
	  { echo 'pip could not get its first packages: is there a network, and a package index?' >&2; exit 1; }
	@$(PIP) --no-build-isolation -e '.[ros-$(ROS),fast,train,test,lint]' || \
	  { echo 'Installing the requirements failed, see above; run make again once it is cured.' >&2; exit 1; }
	@$(BIN)/python -c 'import timm, cv2, onnxruntime, rosbags, rclpy' || \
	  { echo 'The environment is broken, see above: torch, torchvision and the ROS wheels must fit each other and this Python.' >&2; exit 1; }
	@mv $(UNFINISHED) $@ && touch $@
	@echo '== $(VENV) is ready'

demo: $(READY)
	$(BIN)/python -m mono_depth_ros.demo $(if $(BAG),--bag '$(BAG)') \
	  $(if $(IMAGE_TOPIC),--image-topic '$(IMAGE_TOPIC)')

test: $(READY)
	$(BIN)/python -m pytest $(TESTS)

lint: $(READY)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m codespell_lib
	$(BIN)/python -m mdformat --check *.md docs

format: $(READY)
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .
	$(BIN)/python -m mdformat *.md docs

bench: $(READY)
	@for script in benchmarks/bench_*.py; do echo "== $$script"; \
	  case $$script in *bench_network.py) quick=--quick;; *) quick=;; esac; \
	  $(BIN)/python $$script $$quick || exit 1; done
	$(BIN)/python benchmarks/soak.py

soak: $(READY)
	$(BIN)/python benchmarks/soak.py $(if $(HOURS),--hours $(HOURS))

config: $(READY)
	$(BIN)/python -m mono_depth_ros.ros.node.parameters > config/depth.yaml.new
	@mv config/depth.yaml.new config/depth.yaml

clean:
	rm -rf .venv .venv-jazzy build install log dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
