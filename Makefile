# SPDX-License-Identifier: Apache-2.0
#
# Shallop: one Makefile, no configure step. `make help` lists the targets.
# Variables: SAN=1 (ASan and UBSan), STATIC=1, CC=clang, V=1 (show commands).

VERSION := $(shell cat VERSION)
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
VARIANT := $(notdir $(firstword $(CC)))$(if $(SAN),-san)$(if $(STATIC),-static)$(if $(FUZZ),-fuzz)
B       := build/$(VARIANT)
BIN     := $(if $(SAN)$(STATIC)$(FUZZ)$(filter-out gcc,$(firstword $(CC))),$(B)/bin,bin)
Q       := $(if $(V),,@)

# ---- rooms: every directory with product code, in the order of the arrows (docs/architecture.md)
ROOMS := base runtime image netns orchestrator/schema orchestrator/core orchestrator/wire \
	 orchestrator/server orchestrator/agent orchestrator ctl
slug   = $(subst /,-,$(1))
MAINS := $(wildcard runtime/main.c runtime/shim_main.c orchestrator/main.c ctl/main.c)
srcs   = $(filter-out %_test.c %_fuzz.c $(MAINS),$(wildcard $(1)/*.c))
objs   = $(patsubst %.c,$(B)/%.o,$(call srcs,$(1)))

# ---- libraries, by the room that wraps them. pkg-config may not be there before `make deps`.
pc     = $(shell pkg-config $(if $(STATIC),--static) --libs $(1) 2>/dev/null)
PKGS_CFLAGS := $(shell pkg-config --cflags json-c yaml-0.1 libevent_core openssl zlib libnghttp2 \
		 libseccomp libcap libmnl libarchive sqlite3 2>/dev/null)
LIBS_json    = $(or $(call pc,json-c),-ljson-c)
LIBS_yaml    = $(or $(call pc,yaml-0.1),-lyaml)
LIBS_net     = $(or $(call pc,libevent_core openssl zlib),-levent_core -lssl -lcrypto -lz) -lhttp_parser
LIBS_runtime = $(or $(call pc,libseccomp libcap),-lseccomp -lcap)
# Statically only what image/ registers: tar, gzip, zstd. pkg-config would add every format's library.
LIBS_image   = $(if $(STATIC),-larchive -lzstd -lz,$(or $(call pc,libarchive),-larchive))
LIBS_netns   = $(or $(call pc,libmnl),-lmnl)
LIBS_store   = $(or $(call pc,sqlite3),-lsqlite3)
LIBS_all     = $(LIBS_store) $(LIBS_image) $(LIBS_netns) $(LIBS_runtime) $(LIBS_yaml) $(LIBS_net) $(LIBS_json) -lresolv

comma  := ,
WARN   := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	  -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-format-nonliteral $(if $(findstring clang,$(CC)),,-Wno-format-truncation) \
	  $(if $(findstring clang,$(CC)),-Wno-unknown-warning-option)
HARDEN := -fPIE -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2) -fno-strict-aliasing
CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) $(HARDEN) -I. $(PKGS_CFLAGS) \
	  -DSHALLOP_VERSION='"$(VERSION)"' -MMD -MP \
	  $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	  -DLOOP_WATCHDOG_MS=50) \
	  $(if $(FUZZ),-fsanitize=fuzzer-no-link) $(EXTRA_CFLAGS)
LDFLAGS := $(if $(STATIC),-static-pie,-pie) -Wl,-z,relro,-z,now -Wl,--as-needed \
	  $(if $(SAN),-fsanitize=address$(comma)undefined) $(EXTRA_LDFLAGS)

.PHONY: all deps check unit layers fmt fmt-check clean help install e2e fixtures fuzz fuzz-bins fuzz-run \
	up down sizes bench bench-requests check-vm
.DELETE_ON_ERROR:
.SECONDARY:

PROGRAM_OF_orchestrator/main.c   := shallop
PROGRAM_OF_ctl/main.c            := kubectl
PROGRAM_OF_runtime/main.c        := shallop-runtime
PROGRAM_OF_runtime/shim_main.c   := shallop-shim
all: $(foreach m,$(MAINS),$(BIN)/$(PROGRAM_OF_$(m)))

# ---- one archive a room
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

define room_archive
$(B)/$(call slug,$(1)).a: $(call objs,$(1))
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_archive,$(r))))
archives = $(foreach r,$(1),$(B)/$(call slug,$(r)).a)

archives: $(call archives,$(ROOMS))

# ---- programs
SHALLOP_ROOMS := orchestrator orchestrator/agent orchestrator/server orchestrator/wire \
		 orchestrator/core orchestrator/schema netns image runtime base
# Debian packages no libmnl.a: said in a sentence, not by the linker.
NO_MNL_A = $(if $(STATIC),$(filter libmnl.a,$(shell $(CC) -print-file-name=libmnl.a)))
$(BIN)/shallop: $(B)/orchestrator/main.o $(call archives,$(SHALLOP_ROOMS))
	@[ -z "$(NO_MNL_A)" ] || { echo "STATIC=1: $@ needs libmnl.a, which is not here; build libmnl with" \
		"--enable-static (the other programs do without: make -k STATIC=1)" >&2; exit 1; }
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS_all)

$(BIN)/kubectl: $(B)/ctl/main.o $(call archives,ctl orchestrator/schema base)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
		$(LIBS_yaml) $(LIBS_net) $(LIBS_json) -lresolv

$(BIN)/shallop-runtime: $(B)/runtime/main.o $(call archives,runtime base)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
		$(LIBS_runtime) $(LIBS_json)

# The shim: static and small, one per pod; the enacting half of runtime/ and nothing else. With musl
# where its compiler is installed (a third of the memory), else with this libc.
SHIM_SRCS := $(filter-out %_test.c %_fuzz.c,$(wildcard runtime/shim_*.c)) $(wildcard runtime/child*.c \
	     runtime/rootfs*.c) $(addprefix runtime/,cgroup_tree.c enact.c identity.c plan.c) $(addprefix base/,err.c fd.c path.c buf.c)
SHIM_OBJS := $(patsubst %.c,$(B)/shim/%.o,$(SHIM_SRCS))
MUSL_GCC  := $(if $(SAN)$(filter clang,$(notdir $(firstword $(CC)))),,$(shell command -v musl-gcc))
MUSL_LIB  := $(if $(MUSL_GCC),$(patsubst %/rcrt1.o,%,$(firstword $(wildcard $(addsuffix /rcrt1.o,/usr/lib/*-linux-musl \
	     /usr/*-linux-musl/lib64 /usr/*-linux-musl/lib /usr/local/musl/lib)))))
# Kernel headers are not musl's: last in the search, so that libc's own come first.
SHIM_CC   := $(if $(MUSL_LIB),$(MUSL_GCC) -idirafter /usr/include -idirafter \
	     /usr/include/$(shell $(CC) -dumpmachine 2>/dev/null),$(CC))
SHIM_CFLAGS = $(filter-out -O2 -g $(PKGS_CFLAGS) -D_FORTIFY_SOURCE=2,$(CFLAGS)) -Os -I. -ffunction-sections -fdata-sections
# musl-gcc knows no static-pie: its parts by name.
SHIM_HARD  = -static-pie -s -Wl,-z,relro,-z,now,--gc-sections
SHIM_LINK_san  = $(LDFLAGS) $^
SHIM_LINK_libc = $(SHIM_HARD) $^
SHIM_LINK_musl = $(SHIM_HARD) -nostdlib -nostartfiles -Wl,--no-dynamic-linker $(MUSL_LIB)/rcrt1.o \
		 $(MUSL_LIB)/crti.o $^ $(MUSL_LIB)/libc.a -lgcc $(MUSL_LIB)/crtn.o
$(B)/shim/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(SHIM_CC) $(SHIM_CFLAGS) -c -o $@ $<
$(BIN)/shallop-shim: $(SHIM_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $(SHIM_LINK_$(if $(SAN),san,$(if $(MUSL_LIB),musl,libc)))

# ---- unit tests: one binary a room, every libc call of the product can be made to fail
FAULT_WRAPS = $(shell sed -n 's/^FAULT.[^,]*, \([a-z0-9_]*\),.*/-Wl,--wrap=\1/p' tests/unit/fault.c) \
	-Wl,--wrap=open -Wl,--wrap=openat -Wl,--wrap=syscall
test_srcs  = $(wildcard $(1)/*_test.c)
TEST_ROOMS = $(foreach r,$(ROOMS),$(if $(call test_srcs,$(r)),$(r)))
TEST_BINS  = $(foreach r,$(TEST_ROOMS),$(B)/test/$(call slug,$(r))_test)
define room_test
$(B)/test/$(call slug,$(1))_test: $(patsubst %.c,$(B)/%.o,$(call test_srcs,$(1))) \
		$(B)/tests/unit/main.o $(B)/tests/unit/fault.o $(call archives,$(SHALLOP_ROOMS) ctl)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(LDFLAGS) $(FAULT_WRAPS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group \
		$$(filter %.a,$$^) -Wl,--end-group $(LIBS_all) -lcmocka
endef
$(foreach r,$(TEST_ROOMS),$(eval $(call room_test,$(r))))

unit: $(TEST_BINS)
	@fail=0; for t in $(TEST_BINS); do echo "== $$t"; $$t || fail=1; done; exit $$fail
unit-%: $(B)/test/%_test ; $<

# ---- fuzz targets: every *_fuzz.c, with clang's libFuzzer. Corpora grow in build/fuzz/; what crashed
# once lies in tests/fuzz/<target>/ and is run first.
FUZZ_SECONDS ?= 60
fuzz_srcs = $(foreach r,$(ROOMS),$(wildcard $(r)/*_fuzz.c))
FUZZ_BINS = $(patsubst %_fuzz.c,$(B)/fuzz/%,$(fuzz_srcs))
$(B)/fuzz/%: $(B)/%_fuzz.o $(call archives,$(SHALLOP_ROOMS) ctl)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS_all)
fuzz-bins: $(FUZZ_BINS)
fuzz-run: $(FUZZ_BINS)
	@fail=0; for f in $(FUZZ_BINS); do n=$$(basename $$f); mkdir -p build/fuzz/$$n; \
		seeds=$$( [ -d tests/fuzz/$$n ] && echo tests/fuzz/$$n || true ); \
		$$f -max_total_time=$(FUZZ_SECONDS) $(if $(FUZZ_RUNS),-runs=$(FUZZ_RUNS) -seed=1) -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
			-artifact_prefix=build/fuzz/$$n- build/fuzz/$$n $$seeds >build/fuzz/$$n.log 2>&1 \
			&& echo "fuzz $$n: $$(sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/$$n.log) runs, clean" \
			|| { fail=1; echo "fuzz $$n: FAILED"; tail -30 build/fuzz/$$n.log; }; \
	done; exit $$fail
fuzz:
	@$(MAKE) --no-print-directory CC=clang SAN=1 FUZZ=1 fuzz-run

layers:
	@python3 tests/layers.py $(CC) $(ROOMS)

fmt-check:
	@clang-format --dry-run --Werror $$(git ls-files '*.c' '*.h')
fmt:
	@clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build bin

-include $(shell find build -name '*.d' 2>/dev/null)

# ---- what a fresh machine lacks: package names by distribution (docs/architecture.md, "Dependencies")
APT_DEPS := gcc make pkg-config libc6-dev libjson-c-dev libyaml-dev libevent-dev libssl-dev zlib1g-dev \
	libhttp-parser-dev libnghttp2-dev libseccomp-dev libcap-dev libmnl-dev libarchive-dev \
	libsqlite3-dev libcmocka-dev clang python3 python3-pytest iproute2 util-linux busybox-static \
	nginx-light
DNF_DEPS := gcc make pkgconf-pkg-config glibc-devel json-c-devel libyaml-devel libevent-devel openssl-devel \
	zlib-devel http-parser-devel libnghttp2-devel libseccomp-devel libcap-devel libmnl-devel \
	libarchive-devel sqlite-devel libcmocka-devel clang python3 python3-pytest iproute util-linux \
	busybox nginx
deps:
	@if command -v apt-get >/dev/null; then \
		missing=; for p in $(APT_DEPS); do \
			dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
		[ -z "$$missing" ] || { echo "deps: installing$$missing"; apt-get update -qq && \
			DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $$missing \
			>/dev/null; }; \
	elif command -v dnf >/dev/null; then \
		rpm -q $(DNF_DEPS) >/dev/null 2>&1 || dnf install -y -q $(DNF_DEPS); \
	else echo "deps: neither apt-get nor dnf is here; install: $(APT_DEPS)" >&2; exit 1; fi

# ---- images for tests and for the first Pod, made from the distribution's packages
FIXTURES := $(addprefix build/images/,nginx.tar busybox.tar probe.tar)
fixtures: $(FIXTURES)
# Static where the C library's archive is installed (CentOS: glibc-static); else with its libraries.
build/images/probe: rootfs-fixtures/probe.c
	@mkdir -p $(@D)
	$(Q)$(firstword $(CC)) -std=gnu11 -D_GNU_SOURCE -Os $(WARN) -static -s -o $@ $< 2>/dev/null || \
		$(firstword $(CC)) -std=gnu11 -D_GNU_SOURCE -Os $(WARN) -s -o $@ $<
build/images/%.tar: rootfs-fixtures/build.py build/images/probe
	$(Q)python3 $< build/images build/images/probe $*

# ---- black-box tests
build/k8s/kubectl: tests/k8s/go.mod tests/k8s/build.sh
	$(Q)tests/k8s/build.sh build/k8s

PYTEST ?= $(if $(shell python3 -c "import pytest" 2>&1),/usr/bin/python3,python3) -m pytest
TESTS  ?= tests/e2e
e2e: all fixtures build/k8s/kubectl
	SHALLOP_BIN=$(abspath $(BIN)) tests/e2e/host.sh $(PYTEST) -q -rs --durations=5 $(TESTS)

check: deps
	@tests/check.sh

# ---- the README's first command
up: deps all fixtures
	@tests/first_pod.sh
down:
	@$(BIN)/shallop down

sizes: all fixtures
	@SHALLOP_BIN=$(abspath $(BIN)) tests/e2e/host.sh python3 tests/bench/sizes.py
bench: all fixtures
	@SHALLOP_BIN=$(abspath $(BIN)) tests/e2e/host.sh python3 tests/bench/bench.py
bench-requests: all fixtures
	@SHALLOP_BIN=$(abspath $(BIN)) tests/e2e/host.sh python3 tests/bench/requests.py

PREFIX ?= /usr/local
install: all
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/bin $(BIN)/shallop $(BIN)/kubectl $(BIN)/shallop-runtime $(BIN)/shallop-shim
	for u in docs/systemd/*.service; do install -d $(DESTDIR)/etc/systemd/system; \
		sed 's|@BIN@|$(PREFIX)/bin|' $$u >$(DESTDIR)/etc/systemd/system/$${u##*/}; done

# A line for each target that people type: "#: TARGET  what it does".
#: all           bin/shallop, bin/kubectl, bin/shallop-runtime, bin/shallop-shim (the default)
#: deps          install what is missing, and only that (apt or dnf)
#: up            as root: deps, all, fixtures, then a one-node cluster with nginx in a Pod
#: down          as root: stop it; bin/shallop down --purge leaves no trace
#: check         as root: deps, all, every test that this machine can run
#: unit          unit tests; unit-ROOM for one room (unit-base, unit-orchestrator-core)
#: e2e           as root: end-to-end tests; TESTS=tests/e2e/test_pods.py for some
#: check-vm      end-to-end tests in a QEMU machine with pure cgroup v2
#: fuzz          every fuzz target for FUZZ_SECONDS=60
#: bench         POST to Ready, one by one and thirty at once
#: bench-requests  what GET, LIST and watch cost the server
#: sizes         start time and memory of each program
#: fixtures      build/images/{nginx,busybox,probe}.tar
#: layers        who includes what he may not
#: fmt           format the C sources; fmt-check only looks
#: install       programs and systemd units; PREFIX=/usr/local DESTDIR=
#: clean         remove build/ and bin/
#: variables     SAN=1 (sanitizers)  STATIC=1  CC=clang  V=1 (show commands)
help:
	@sed -n 's/^#: //p' Makefile

check-vm: all fixtures
	@SHALLOP_BIN=$(abspath $(BIN)) tests/vm/check.sh
