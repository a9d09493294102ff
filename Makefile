# A thin front for meson and ninja.
#
#   make              build/litekeep and build/litekeep_ext.so, optimised
#   make demo         what it does, shown on a small database
#   make test         everything that is checked; SUITES="unit e2e" for some of it (tests/README.md)
#   make bench        side by side with the tools people use instead; BENCH="--rows 90000" for a quick one
#   make fuzz         every fuzz target for FUZZ_SECONDS
#   make format       clang-format on all sources
#   make static       build/litekeep-static: one binary for any Linux of this processor
#   make install      DESTDIR and PREFIX as usual
#   make uninstall    removes what make install put below the same DESTDIR and PREFIX, and nothing else
#
# `demo`, `test`, `bench` and `fuzz` first install what they need: packages by apt (as root or by sudo), Python
# packages into build/venv. The others only build.

PREFIX ?= /usr/local
DESTDIR ?=
export DESTDIR
SUITES ?=
BENCH ?=
FUZZ_SECONDS ?= 60

PYTHON := /usr/bin/python3
VENV := build/venv

BUILD_PACKAGES := gcc libc6-dev make meson ninja-build pkg-config libsqlite3-dev libzstd-dev libdeflate-dev \
	libsnappy-dev liblz4-dev libssl-dev libxxhash-dev libjansson-dev libisal-dev libgit2-dev \
	libcurl4-openssl-dev libinih-dev
TEST_PACKAGES := $(BUILD_PACKAGES) g++ libcmocka-dev clang libclang-rt-14-dev llvm clang-tidy clang-format cppcheck \
	binutils python3 python3-venv sqlite3 jq zstd gzip coreutils git strace faketime util-linux mount e2fsprogs \
	dosfstools exfat-fuse exfatprogs btrfs-progs time \
	cron systemd man-db zsh fish bash-completion

.PHONY: all demo test bench fuzz format static install uninstall clean build-packages test-packages venv

all: build/release/build.ninja
	ninja -C build/release
	@ln -sfn release/litekeep build/litekeep
	@ln -sfn release/src/ext/litekeep_ext.so build/litekeep_ext.so

# The build folder is made once; meson itself notices changed meson.build files.
build/release/build.ninja:
	meson setup build/release --buildtype=release --prefix=$(PREFIX) -Dtests=disabled

# What an installation puts there, files and the folders that it makes, is noted for `uninstall`.
RECORD := build/release/installed.txt
install: all
	meson configure build/release -Dprefix="$(PREFIX)"
	DESTDIR="$${DESTDIR:+$$(realpath -ms -- "$$DESTDIR")}" meson install -C build/release
	@grep -v '^#' build/release/meson-logs/install-log.txt >> $(RECORD)

uninstall:
	@./uninstall.sh $(RECORD) "$(DESTDIR)" "$(PREFIX)"

# ISA-L has no static library in Debian, and libgit2 would bring half a desktop with it.
static:
	test -f build/static/build.ninja || meson setup build/static --buildtype=release -Dprefer_static=true -Ddefault_library=static \
		-Dc_link_args=-static -Db_pie=false -Disal=disabled -Dgit=disabled -Dcurl=disabled -Dtests=disabled
	ninja -C build/static
	@ln -sfn static/litekeep build/litekeep-static

demo: build-packages
	@$(MAKE) --no-print-directory all
	@demo/demo.sh build/litekeep

test: test-packages venv
	@$(VENV)/bin/python tests/run.py $(SUITES)

bench: test-packages venv
	@$(MAKE) --no-print-directory all
	@$(VENV)/bin/python bench/run.py $(BENCH)

fuzz: test-packages
	@$(PYTHON) tests/fuzz/run.py $(FUZZ_SECONDS)

format:
	clang-format -i $$(find include src tests -name '*.[ch]')

clean:
	rm -rf build

build-packages:
	@tests/packages.sh $(BUILD_PACKAGES) python3 sqlite3 git gzip coreutils

test-packages:
	@tests/packages.sh $(TEST_PACKAGES)

venv: test-packages $(VENV)/.made

$(VENV)/.made: tests/requirements.txt
	@mkdir -p build
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@
