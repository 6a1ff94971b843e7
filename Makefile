# SPDX-License-Identifier: GPL-2.0-only
#
# make               modules and utils
# make modules       $(BUILD)/$(KVER)/drbd.ko and drbd_transport_tcp.ko
# make utils         $(BUILD)/bin/{drbdadm,drbdsetup,drbdmeta,drbdmon}
# make unit          GoogleTest binaries of tests/unit and tests/sim, built and run
# make fuzz          short runs of the fuzzers in tests/fuzz
# make golden        tools against recorded behaviour
# make packaging     manual pages, installed files, packages, agents and handlers
# make system        tests on virtual nodes
# make check         all of the above, both kernels, sparse
# make demo, bench   the story; the comparison
# make man           manual pages and completions, in $(BUILD)/doc
# make install       on this machine; parts: install-utils, install-modules, install-dkms
# make deb           Debian packages of the tools and, for DKMS, of the modules, in $(BUILD)/deb
# make deps          packages, headers, node kernels (as root; the test targets call it)

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

BUILD ?= build
override BUILD := $(abspath $(BUILD))
SRC := $(CURDIR)
# The version is written once, where the module has it.
VERSION := $(shell sed -nE 's/^.define DRBD_VERSION "(.*)"/\1/p' drbd/main.c)

# Newest kernel with headers.
KVER ?= $(shell for d in /lib/modules/*/build; do [ -e $$d/Makefile ] && d=$${d%/build} && \
	basename $$d; done | sort -V | tail -n 1)
KDIR ?= /lib/modules/$(KVER)/build

DESTDIR ?=
PREFIX ?= /usr
# As in Debian's package: the driver runs /sbin/drbdadm.
SBINDIR ?= /sbin
LIBDIR ?= /lib
MODDIR ?= /lib/modules/$(KVER)/updates

PYTHON ?= /usr/bin/python3
CC := gcc
CXX := g++
CLANGXX ?= clang++
LEX := flex
YACC := bison

all: modules utils

# ---------------------------------------------------------------- modules

KOUT := $(BUILD)/$(KVER)
KFARM := $(KOUT)/src

# kbuild writes beside its sources: it gets a tree of links to them.  Links whose
# source is gone go too; what was built stays, so that a rebuild is incremental.
.PHONY: all modules
modules:
	@test -n "$(KVER)" || { echo "no kernel headers are installed: run 'make deps', or name KVER=" >&2; exit 1; }
	@test -e $(KDIR)/Makefile || { echo "no headers for KVER=$(KVER) in $(KDIR)" >&2; exit 1; }
	@mkdir -p $(KFARM)
	@for d in drbd drbd-transport-tcp include; do \
		find $$d -type d -printf '$(KFARM)/%p\n' | xargs -r mkdir -p; \
		find $$d -type f \( -name '*.[chS]' -o -name Kbuild \) | while read -r f; do \
			[ -L $(KFARM)/$$f ] || ln -s $(SRC)/$$f $(KFARM)/$$f; done; done
	@ln -sfn $(SRC)/Kbuild $(KFARM)/Kbuild
	@find $(KFARM) -xtype l -delete
	+@$(MAKE) --no-print-directory -C $(KDIR) M=$(KFARM) W=1 CHECK="$(CHECK)" $(if $(C),C=$(C)) modules
	@cp -u $(KFARM)/drbd/drbd.ko $(KFARM)/drbd-transport-tcp/drbd_transport_tcp.ko $(KOUT)/

# ---------------------------------------------------------------- user space

INCLUDES := -Iinclude -Idrbd -Iutils
NL_CFLAGS := -isystem /usr/include/libnl3
CPPFLAGS += -D_GNU_SOURCE -DDRBD_UTILS_VERSION='"$(or $(VERSION),0)"' $(INCLUDES) $(NL_CFLAGS)
WARN := -Wall -Wextra
CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
CFLAGS_ALL := -std=gnu11 $(WARN) -Wdeclaration-after-statement $(CFLAGS)
CXXFLAGS_ALL := -std=c++20 $(WARN) $(CXXFLAGS)
LDLIBS := -lnl-genl-3 -lnl-3 -lblkid
LDLIBS_drbdmon := -lncursesw -ltinfo

TOOLS := $(foreach t,drbdadm drbdsetup drbdmeta drbdmon,$(if $(wildcard utils/$(t)/*.cc utils/$(t)/*.y),$(t)))

CORE_SRC := $(sort $(wildcard drbd/core/*.c))
COMMON_SRC := $(sort $(wildcard utils/common/*.cc))

# The tools come in two flavours: as installed, and with sanitizers for the tests.
FLAVOURS := plain asan
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS_plain :=
FLAGS_asan := -O1 $(SAN)
LDFLAGS_plain :=
LDFLAGS_asan := $(SAN)

GEN := $(BUILD)/gen

# Generated sources of tool $(1): parser.y -> parser.cc and parser.hh, lexer.l -> lexer.cc
gen_cc = $(patsubst utils/$(1)/%.y,$(GEN)/$(1)/%.cc,$(wildcard utils/$(1)/*.y)) \
	 $(patsubst utils/$(1)/%.l,$(GEN)/$(1)/%.cc,$(wildcard utils/$(1)/*.l))
gen_hh = $(patsubst utils/$(1)/%.y,$(GEN)/$(1)/%.hh,$(wildcard utils/$(1)/*.y))

$(GEN)/%.cc $(GEN)/%.hh &: utils/%.y
	@mkdir -p $(@D)
	$(YACC) -Wall --defines=$(GEN)/$*.hh -o $(GEN)/$*.cc $<

$(GEN)/%.cc: utils/%.l
	@mkdir -p $(@D)
	$(LEX) -o $@ $<

define flavour
OBJ_$(1) := $(BUILD)/$(1)

$$(OBJ_$(1))/%.o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) $$(CFLAGS_ALL) $$(FLAGS_$(1)) -MMD -MP -c -o $$@ $$<

$$(OBJ_$(1))/%.o: %.cc
	@mkdir -p $$(@D)
	$$(CXX) $$(CPPFLAGS) -I$$(dir $$<) -I$$(GEN)/$$(notdir $$(patsubst %/,%,$$(dir $$<))) \
		$$(CXXFLAGS_ALL) $$(FLAGS_$(1)) -MMD -MP -c -o $$@ $$<

$$(OBJ_$(1))/gen/%.o: $$(GEN)/%.cc
	@mkdir -p $$(@D)
	$$(CXX) $$(CPPFLAGS) -Iutils/$$(patsubst %/,%,$$(dir $$*)) -I$$(GEN)/$$(patsubst %/,%,$$(dir $$*)) \
		$$(CXXFLAGS_ALL) $$(FLAGS_$(1)) -MMD -MP -c -o $$@ $$<

$$(OBJ_$(1))/libcore.a: $$(CORE_SRC:%.c=$$(OBJ_$(1))/%.o)
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^

$$(OBJ_$(1))/libcommon.a: $$(COMMON_SRC:%.cc=$$(OBJ_$(1))/%.o)
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach f,$(FLAVOURS),$(eval $(call flavour,$(f))))

# Objects of tool $(2) in flavour $(1), with and without its main.cc
tool_objs = $(patsubst %.cc,$(OBJ_$(1))/%.o,$(sort $(wildcard utils/$(2)/*.cc))) \
	    $(patsubst $(GEN)/%.cc,$(OBJ_$(1))/gen/%.o,$(call gen_cc,$(2)))
tool_lib_objs = $(filter-out %/main.o,$(call tool_objs,$(1),$(2)))

define tool_flavour
# Generated headers must be there before anything of the tool is compiled.
$$(call tool_objs,$(1),$(2)): | $$(call gen_hh,$(2))
$$(OBJ_$(1))/lib$(2).a: $$(call tool_lib_objs,$(1),$(2))
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach f,$(FLAVOURS),$(foreach t,$(TOOLS),$(eval $(call tool_flavour,$(f),$(t)))))

define tool
$(BUILD)/bin/$(1): $$(call tool_objs,plain,$(1)) $(OBJ_plain)/libcommon.a $(OBJ_plain)/libcore.a
	@mkdir -p $$(@D)
	$$(CXX) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS) $$(LDLIBS_$(1))
$(BUILD)/asan-bin/$(1): $$(call tool_objs,asan,$(1)) $(OBJ_asan)/libcommon.a $(OBJ_asan)/libcore.a
	@mkdir -p $$(@D)
	$$(CXX) $$(LDFLAGS_asan) -o $$@ $$^ $$(LDLIBS) $$(LDLIBS_$(1))
endef
$(foreach t,$(TOOLS),$(eval $(call tool,$(t))))

.PHONY: utils utils-asan drbdadm drbdsetup drbdmeta drbdmon
utils: $(TOOLS:%=$(BUILD)/bin/%)
utils-asan: $(TOOLS:%=$(BUILD)/asan-bin/%)
drbdadm drbdsetup drbdmeta drbdmon: %: $(BUILD)/bin/%

# ---------------------------------------------------------------- unit tests, simulation, fuzzers

UNIT_SRC := $(sort $(wildcard tests/unit/*_test.cc tests/sim/*_test.cc))
UNIT_BIN := $(UNIT_SRC:tests/%.cc=$(BUILD)/tests/%)
# Helpers of the tests: other sources in the same folder.
UNIT_HELPERS := $(filter-out $(UNIT_SRC),$(sort $(wildcard tests/unit/*.cc tests/sim/*.cc)))
UNIT_LIBS = $(TOOLS:%=$(OBJ_asan)/lib%.a) $(OBJ_asan)/libcommon.a $(OBJ_asan)/libcore.a
TOOL_INCLUDES := $(foreach t,$(TOOLS),-Iutils/$(t) -I$(GEN)/$(t)) -Iutils/common

$(UNIT_SRC:%.cc=$(OBJ_asan)/%.o): CPPFLAGS += $(TOOL_INCLUDES) -DSOURCE_DIR='"$(SRC)"'
$(UNIT_SRC:%.cc=$(OBJ_asan)/%.o): | $(foreach t,$(TOOLS),$(call gen_hh,$(t)))

# (a function, because a % in the rule itself would become its stem)
helper_objs = $(patsubst %.cc,$(OBJ_asan)/%.o,$(filter tests/$(1)%,$(UNIT_HELPERS)))

.SECONDEXPANSION:
# Each test folder's helpers are linked into each of its tests.
$(UNIT_BIN): $(BUILD)/tests/%: $(OBJ_asan)/tests/%.o \
		$$(call helper_objs,$$(dir $$*)) $(UNIT_LIBS)
	@mkdir -p $(@D)
	$(CXX) $(LDFLAGS_asan) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
		-lgtest -lgtest_main $(LDLIBS) -lpthread

.PHONY: unit unit-build
unit-build: $(UNIT_BIN)
unit: unit-build
	@scripts/run-unit $(UNIT_BIN)

FUZZ_SRC := $(sort $(wildcard tests/fuzz/*_fuzz.cc))
FUZZ_BIN := $(FUZZ_SRC:tests/%.cc=$(BUILD)/tests/%)
FUZZ_FLAGS := -O1 -gline-tables-only -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_SECONDS ?= 10
# What was found stays, and is where the next run begins.
CORPUS ?= $(BUILD)/corpus
OBJ_fuzz := $(BUILD)/fuzz
# What the fuzzers call and what that needs: no more is compiled a third time for them.
FUZZED_core := activity_log bitmap_geometry metadata packet vli
FUZZED_drbdadm := adjust batch builder claims derive diagnostics exec files lines model options plan \
	scanner sources system
FUZZED_drbdsetup := events2 model statistics
FUZZED_drbdmeta := restore
FUZZED_drbdmon := assess model
FUZZ_LIB_OBJS = $(FUZZED_core:%=$(OBJ_fuzz)/drbd/core/%.o) $(COMMON_SRC:%.cc=$(OBJ_fuzz)/%.o) \
	$(foreach t,$(TOOLS),$(FUZZED_$(t):%=$(OBJ_fuzz)/utils/$(t)/%.o)) \
	$(patsubst $(GEN)/%.cc,$(OBJ_fuzz)/gen/%.o,$(call gen_cc,drbdadm))

$(OBJ_fuzz)/%.o: %.c
	@mkdir -p $(@D)
	clang $(CPPFLAGS) -std=gnu11 $(WARN) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<
$(OBJ_fuzz)/gen/%.o: $(GEN)/%.cc
	@mkdir -p $(@D)
	$(CLANGXX) $(CPPFLAGS) -Iutils/$(patsubst %/,%,$(dir $*)) -I$(GEN)/$(patsubst %/,%,$(dir $*)) \
		-std=c++20 $(WARN) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<
$(OBJ_fuzz)/%.o: %.cc
	@mkdir -p $(@D)
	$(CLANGXX) $(CPPFLAGS) -I$(dir $<) -I$(GEN)/$(notdir $(patsubst %/,%,$(dir $<))) $(TOOL_INCLUDES) \
		-std=c++20 $(WARN) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<
$(FUZZ_SRC:%.cc=$(OBJ_fuzz)/%.o) $(FUZZ_LIB_OBJS): | $(foreach t,$(TOOLS),$(call gen_hh,$(t)))
$(OBJ_fuzz)/libfuzzed.a: $(FUZZ_LIB_OBJS)
	@rm -f $@
	ar rcs $@ $^
$(FUZZ_BIN): $(BUILD)/tests/%: $(OBJ_fuzz)/tests/%.o $(OBJ_fuzz)/libfuzzed.a
	@mkdir -p $(@D)
	$(CLANGXX) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LDLIBS)

.PHONY: fuzz fuzz-build
fuzz-build: $(FUZZ_BIN)
fuzz: fuzz-build
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/run-fuzz $(CORPUS) $(FUZZ_BIN)

# ---------------------------------------------------------------- golden, system, everything

.PHONY: golden packaging system system-only system-build check demo bench deps sparse
KVERS = $(shell ls -d /lib/modules/*/build 2>/dev/null | cut -d/ -f4 | grep -vE 'cloud|rt-' | sort -V)

golden: utils
	BUILD=$(BUILD) $(PYTHON) -m pytest -q -p no:cacheprovider tests/golden

packaging: utils man
	BUILD=$(BUILD) $(PYTHON) -m pytest -q -p no:cacheprovider tests/packaging

# Static checks of the kernel sources.
sparse:
	@mkdir -p $(BUILD)
	+@set -o pipefail; $(MAKE) --no-print-directory BUILD=$(BUILD)/sparse C=2 CHECK=sparse modules 2>&1 | \
		tee $(BUILD)/sparse.log
	@! grep -E 'warning:|error:' $(BUILD)/sparse.log

system-build: utils
	+@scripts/modules-all $(BUILD)

# All of them: some two hours.
system: SYSTEM_TESTS = tests/system
system: CRASH_ROUNDS = 20
system: deps system-build system-only
# Part of make check: the main job and what can go wrong with links, disks and power, in about
# half an hour.
SYSTEM_TESTS ?= $(addprefix tests/system/test_,story.py volumes.py commands.py \
	debian_tools.py::test_debian_tools_drive_our_modules link.py lifecycle.py disk.py \
	attach_log.py rooms.py crash.py memory.py)
CRASH_ROUNDS ?= 5
system-only:
	CRASH_ROUNDS=$(CRASH_ROUNDS) BUILD=$(BUILD) $(PYTHON) -m pytest -v -p no:cacheprovider $(SYSTEM_TESTS)

check: deps
	+@BUILD=$(BUILD) scripts/check

demo: deps
	+@$(MAKE) --no-print-directory -j$$(nproc) BUILD=$(BUILD) utils
	+@scripts/modules-all $(BUILD) 6.1
	@BUILD=$(BUILD) $(PYTHON) tests/system/demo.py

bench: deps
	+@$(MAKE) --no-print-directory -j$$(nproc) BUILD=$(BUILD) utils
	+@scripts/modules-all $(BUILD) 6.1
	@BUILD=$(BUILD) $(PYTHON) tests/bench/bench.py
	@BUILD=$(BUILD) $(PYTHON) tests/bench/tools.py

deps:
	@scripts/install-deps

# ---------------------------------------------------------------- manual pages, install, packages

DOC := $(BUILD)/doc
DOC_SRC := $(wildcard doc/*.py) utils/drbdmeta/options.cc utils/drbdmon/actions.cc utils/drbdmon/view.cc \
	$(wildcard host/ocf/*)

.PHONY: man install install-utils install-modules install-dkms version deb clean
man: $(DOC)/.made
$(DOC)/.made: $(DOC_SRC) $(TOOLS:%=$(BUILD)/bin/%)
	$(PYTHON) doc/generate.py $(BUILD)/bin $(DOC)
	@touch $@

install: install-utils install-modules

D := $(DESTDIR)
HANDLERS_DIR := $(D)$(PREFIX)/lib/drbd
OCF_DIR := $(D)$(PREFIX)/lib/ocf/resource.d/linbit
SCRIPTS_DIR := $(D)$(LIBDIR)/drbd/scripts
UNIT_DIR := $(D)$(LIBDIR)/systemd/system
# Names by which notify.sh is called; the name says what happened.
NOTIFY := emergency-reboot emergency-shutdown io-error out-of-sync pri-lost-after-sb pri-lost \
	pri-on-incon-degr split-brain quorum-lost

install-utils: utils man
	install -d $(D)$(SBINDIR) $(D)/etc/drbd.d $(D)/var/lib/drbd
	install -m 755 $(TOOLS:%=$(BUILD)/bin/%) $(D)$(SBINDIR)/
	[ -e $(D)/etc/drbd.conf ] || install -m 644 host/conf/drbd.conf $(D)/etc/drbd.conf
	[ -e $(D)/etc/drbd.d/global_common.conf ] || \
		install -m 644 host/conf/global_common.conf $(D)/etc/drbd.d/
	install -D -m 755 host/lib/drbd $(D)/etc/init.d/drbd
	install -D -m 644 host/conf/multipath.conf $(D)/etc/multipath/conf.d/drbd.conf
	install -D -m 644 host/conf/tmpfiles.conf $(D)$(PREFIX)/lib/tmpfiles.d/drbd.conf
	install -d $(SCRIPTS_DIR) $(UNIT_DIR) $(HANDLERS_DIR) $(OCF_DIR)
	install -m 755 host/lib/* $(SCRIPTS_DIR)/
	install -m 644 host/units/* $(UNIT_DIR)/
	install -D -m 644 host/udev/65-drbd.rules $(D)$(LIBDIR)/udev/rules.d/65-drbd.rules
	install -m 755 host/ocf/* $(OCF_DIR)/
	install -m 755 host/handlers/* $(HANDLERS_DIR)/
	for n in $(NOTIFY); do ln -sf notify.sh $(HANDLERS_DIR)/notify-$$n.sh; done
	ln -sf snapshot-resync-target-lvm.sh $(HANDLERS_DIR)/unsnapshot-resync-target-lvm.sh
	ln -sf crm-fence-peer.9.sh $(HANDLERS_DIR)/crm-unfence-peer.9.sh
	ln -sf crm-fence-peer.9.sh $(HANDLERS_DIR)/crm-fence-peer.sh
	ln -sf crm-fence-peer.9.sh $(HANDLERS_DIR)/crm-unfence-peer.sh
	for s in 5 7 8; do install -d $(D)$(PREFIX)/share/man/man$$s && \
		install -m 644 $(DOC)/*.$$s $(D)$(PREFIX)/share/man/man$$s/; done
	install -D -m 644 $(DOC)/drbdadm.bash $(D)$(PREFIX)/share/bash-completion/completions/drbdadm
	for t in drbdsetup drbdmeta drbdmon; do \
		ln -sf drbdadm $(D)$(PREFIX)/share/bash-completion/completions/$$t; done
	install -D -m 644 $(DOC)/_drbdadm $(D)$(PREFIX)/share/zsh/vendor-completions/_drbdadm

install-modules: modules
	install -d $(D)$(MODDIR)
	install -m 644 $(KOUT)/drbd.ko $(KOUT)/drbd_transport_tcp.ko $(D)$(MODDIR)/
	[ -n "$(D)" ] || depmod $(KVER)

# Sources for DKMS: what `make modules` needs, no more.
DKMS_SRC := $(PREFIX)/src/drbd-$(VERSION)
install-dkms:
	install -d $(D)$(DKMS_SRC)
	install -m 644 Makefile Kbuild dkms.conf COPYING $(D)$(DKMS_SRC)/
	find drbd drbd-transport-tcp include -type f \( -name '*.[chS]' -o -name Kbuild \) | \
		while read -r f; do install -D -m 644 $$f $(D)$(DKMS_SRC)/$$f; done
	install -D -m 644 host/conf/modules-load.conf $(D)$(LIBDIR)/modules-load.d/drbd.conf

# For scripts: dkms install drbd/$(make -s version)
version:
	@echo $(VERSION)

deb:
	BUILD=$(BUILD) VERSION=$(VERSION) scripts/make-deb

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/plain $(BUILD)/asan $(BUILD)/fuzz -name '*.d' 2>/dev/null)
