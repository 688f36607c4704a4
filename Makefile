# Makefile of OCOP Node.  GNU make 4.3.  `make help` lists the targets.
#
# Variants, each with its own directory below build/:
#   CC=clang                 another compiler
#   SAN=address,undefined    sanitizers
#   LIMITS=1                 -DTEST_LIMITS: every limit shrinks, so that every boundary is crossed
#   BUG=NAME                 -DBUG_NAME: one seeded bug, which the simulator must catch
#   COV=1                    coverage counters
# While others write in the same tree:
#   BUILD=/tmp/mine          a build directory of one's own
#   SKIP='node/x.c tests/%'  sources to leave out

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

ifeq ($(origin CC),default)
CC := gcc
endif
HOSTCC ?= gcc
AR := ar
NM ?= nm
STRIP ?= strip
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
SAN ?=
BUG ?=
LIMITS ?=
COV ?=
BUILD ?= build
SKIP ?=
T ?= 60
NODES ?= 3
empty :=
comma := ,

ifneq ($(LIMITS),1)
override LIMITS :=
endif
VARIANT := $(notdir $(CC))$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(BUG),-bug-$(BUG))
VARIANT := $(VARIANT)$(if $(LIMITS),-limits)$(if $(COV),-cov)
OUT := $(BUILD)/$(VARIANT)
# What a sub-make or a printed command needs to build the same variant.
VARS := $(if $(filter-out gcc,$(CC)),CC=$(CC)) $(if $(SAN),SAN=$(SAN)) $(if $(BUG),BUG=$(BUG)) \
	$(if $(LIMITS),LIMITS=1) $(if $(COV),COV=1)
PLACE := $(if $(filter-out build,$(BUILD)),BUILD=$(BUILD)) $(if $(SKIP),SKIP="$(SKIP)")
VARS := $(strip $(VARS) $(PLACE))
FUZZ_VARS := $(strip CC=clang SAN=fuzzer-no-link,address,undefined $(PLACE))
FUZZ_OUT := $(BUILD)/clang-fuzzer-no-link-address-undefined

# ---- flags ---------------------------------------------------------------------------------------

PKGS := libuv libcurl libssl libcrypto libcjson libsodium libzstd sqlite3 libutf8proc qrcodegen
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)

ifeq ($(shell $(PKG_CONFIG) --exists libllhttp 2>/dev/null && echo yes),yes)
LLHTTP_CFLAGS := $(shell $(PKG_CONFIG) --cflags libllhttp)
LLHTTP_LIBS := $(shell $(PKG_CONFIG) --libs libllhttp)
LLHTTP_SRC :=
else
LLHTTP_CFLAGS := -isystem /usr/share/include/llhttp
LLHTTP_LIBS :=
LLHTTP_SRC := llhttp api http
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Werror=implicit-fallthrough -Werror
HARDEN := -fstack-protector-strong -fPIE
LINK_HARDEN := -pie -Wl,-z,relro,-z,now
ifeq ($(SAN)$(COV),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
ifneq ($(SAN),)
SAN_FLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
OPT := -O2
ifneq ($(COV),)
OPT := -O0 --coverage
LINK_COV := --coverage
endif

CPP_FLAGS := -D_GNU_SOURCE -I. $(PKG_CFLAGS) $(LLHTTP_CFLAGS)
CPP_FLAGS += $(if $(LIMITS),-DTEST_LIMITS) $(if $(BUG),-DBUG_$(BUG))
# A seeded bug may leave something unused.
C_FLAGS := -std=c11 $(OPT) -g $(WARN) $(if $(BUG),-Wno-error) $(HARDEN) $(SAN_FLAGS) \
	-ffile-prefix-map=$(CURDIR)=. $(CPP_FLAGS) $(CFLAGS)
LD_FLAGS := $(LINK_HARDEN) $(SAN_FLAGS) $(LINK_COV) -Wl,--as-needed -Wl,--build-id $(LDFLAGS)
LD_LIBS := $(PKG_LIBS) $(LLHTTP_LIBS) -lpthread -lm

# ---- sources -------------------------------------------------------------------------------------

found = $(sort $(filter-out $(SKIP),$(wildcard $(1))))
SYNC_SRC := $(call found,sync/*.c)
SCHEMA_SRC := $(call found,schema/*.c)
NODE_SRC := $(filter-out node/main.c,$(call found,node/*.c))
SCHEMA_DATA := $(sort $(wildcard schema/*.sql schema/data/*))
NODE_DATA := $(sort $(wildcard node/web/* node/web/*/*))
NODE_DATA := $(foreach f,$(NODE_DATA),$(if $(wildcard $(f)/.),,$(f)))

SUITES := unit http fault sim
TEST_SRC := $(call found,$(foreach s,$(SUITES),tests/$(s)/test_*.c))
SIM_SRC := $(filter-out tests/sim/test_%.c tests/sim/sim_main.c,$(call found,tests/sim/*.c))
# Whatever the other test directories share among themselves.
HELP_SRC := $(filter-out tests/unit/test_% tests/http/test_% tests/fault/test_% tests/bench/bench_%, \
	$(call found,tests/*.c tests/unit/*.c tests/http/*.c tests/fault/*.c tests/bench/*.c))
FUZZ_SRC := $(call found,tests/fuzz/fuzz_*.c)
BENCH_SRC := $(call found,tests/bench/bench_*.c)
PROCESS_TESTS := $(call found,tests/process/*.sh)

objects = $(patsubst %.c,$(OUT)/%.o,$(1))
LLHTTP_OBJ := $(patsubst %,$(OUT)/llhttp/llhttp_%.o,$(LLHTTP_SRC))
SYNC_OBJ := $(call objects,$(SYNC_SRC))
SCHEMA_OBJ := $(call objects,$(SCHEMA_SRC)) $(OUT)/schema/embed_data.o
NODE_OBJ := $(call objects,$(NODE_SRC)) $(OUT)/node/embed_data.o $(LLHTTP_OBJ)
LIBS := $(OUT)/libnode.a $(OUT)/libschema.a $(OUT)/libsync.a
TEST_LIBS := $(OUT)/libsim.a $(OUT)/libhelp.a $(LIBS)
TEST_PROGRAMS := $(patsubst %.c,$(OUT)/%,$(TEST_SRC))
FUZZ_PROGRAMS := $(patsubst %.c,$(OUT)/%,$(FUZZ_SRC))
BENCH_PROGRAMS := $(patsubst %.c,$(OUT)/%,$(BENCH_SRC))
SIM_PROGRAM := $(if $(call found,tests/sim/sim_main.c),$(OUT)/sim)
OCOP_PROGRAM := $(if $(call found,node/main.c),$(OUT)/ocop)
suite = $(filter $(OUT)/tests/$(1)/%,$(TEST_PROGRAMS))

$(shell mkdir -p $(OUT))
# A list of sources is a file that changes only with the list: a removed source is a reason to rebuild.
define list_file
ifneq ($$(wildcard $(OUT)/$(1).list)$$(file <$(OUT)/$(1).list),$(OUT)/$(1).list$$(strip $(2)))
$$(file >$(OUT)/$(1).list,$$(strip $(2)))
endif
endef
$(eval $(call list_file,sync,$$(SYNC_OBJ)))
$(eval $(call list_file,schema,$$(SCHEMA_OBJ) $$(SCHEMA_DATA)))
$(eval $(call list_file,node,$$(NODE_OBJ) $$(NODE_DATA)))
$(eval $(call list_file,sim,$$(SIM_SRC)))
$(eval $(call list_file,help,$$(HELP_SRC)))

# ---- building ------------------------------------------------------------------------------------

.PHONY: all libs programs test-programs fuzz-programs bench-programs sim-program
all: $(OCOP_PROGRAM) $(LIBS)
ifneq ($(OCOP_PROGRAM),)
ifeq ($(SAN)$(BUG)$(LIMITS)$(COV),)
	@ln -f $(OUT)/ocop $(BUILD)/ocop
endif
endif

.PHONY: $(BUILD)/ocop $(BUILD)/sim
$(BUILD)/ocop: all
$(BUILD)/sim: sim-program

libs: $(LIBS)
test-programs: $(TEST_PROGRAMS) $(SIM_PROGRAM)
fuzz-programs: $(FUZZ_PROGRAMS)
bench-programs: $(BENCH_PROGRAMS) all
programs: all test-programs bench-programs
sim-program: $(SIM_PROGRAM)
ifneq ($(SIM_PROGRAM),)
ifeq ($(SAN)$(BUG)$(LIMITS)$(COV),)
	@ln -f $(OUT)/sim $(BUILD)/sim
endif
else
	@echo "make: tests/sim/sim_main.c is missing" >&2; exit 1
endif

$(OUT)/.deps:
	@$(PKG_CONFIG) --exists --print-errors $(PKGS) || \
		{ echo "make: libraries are missing; run: packaging/install-deps.sh build" >&2; exit 1; }
	@touch $@

$(OUT)/%.o: %.c Makefile | $(OUT)/.deps
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(C_FLAGS) -MMD -MP -c -o $@ $<

$(OUT)/llhttp/llhttp_%.o: /usr/share/llhttp/%.c Makefile | $(OUT)/.deps
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(C_FLAGS) -w -Wno-error -c -o $@ $<

$(BUILD)/embed: packaging/embed.c Makefile | $(OUT)/.deps
	@echo "HOSTCC $<"
	@$(HOSTCC) -std=c11 -O2 $(WARN) -o $@.$(VARIANT) $< -lzstd && mv $@.$(VARIANT) $@

$(OUT)/schema/embed_data.c: $(SCHEMA_DATA) $(OUT)/schema.list $(BUILD)/embed
	@mkdir -p $(@D)
	@$(BUILD)/embed schema_embed schema/ $@ $(SCHEMA_DATA)

$(OUT)/node/embed_data.c: $(NODE_DATA) $(OUT)/node.list $(BUILD)/embed
	@mkdir -p $(@D)
	@$(BUILD)/embed node_embed node/ $@ $(NODE_DATA)

$(OUT)/%/embed_data.o: $(OUT)/%/embed_data.c schema/embed.h
	@$(CC) $(C_FLAGS) -c -o $@ $<

$(OUT)/libsync.a: $(SYNC_OBJ) $(OUT)/sync.list
$(OUT)/libschema.a: $(SCHEMA_OBJ) $(OUT)/schema.list
$(OUT)/libnode.a: $(NODE_OBJ) $(OUT)/node.list
$(OUT)/libsim.a: $(call objects,$(SIM_SRC)) $(OUT)/sim.list
$(OUT)/libhelp.a: $(call objects,$(HELP_SRC)) $(OUT)/help.list
$(OUT)/lib%.a:
	@rm -f $@
	@$(AR) rcs $@ $(filter %.o,$^)

link = @mkdir -p $(@D); echo "LD $@"; $(CC) $(LD_FLAGS) -o $@ $(filter %.o,$^) \
	-Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(1) $(LD_LIBS)

$(OUT)/ocop: $(OUT)/node/main.o $(LIBS)
	$(call link)
$(OUT)/sim: $(OUT)/tests/sim/sim_main.o $(OUT)/libsim.a $(OUT)/libschema.a $(OUT)/libsync.a
	$(call link)
$(TEST_PROGRAMS): $(OUT)/%: $(OUT)/%.o $(TEST_LIBS)
	$(call link,-lcmocka)
$(BENCH_PROGRAMS): $(OUT)/%: $(OUT)/%.o $(TEST_LIBS)
	$(call link)
$(FUZZ_PROGRAMS): $(OUT)/%: $(OUT)/%.o $(TEST_LIBS)
	$(call link,-fsanitize=fuzzer)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

# ---- testing -------------------------------------------------------------------------------------

SEED ?=
HOSTILE ?=
SIM_ARGS = $(if $(HOSTILE),--hostile) $(if $(SEED),--seed $(SEED),--seeds $(1))
SMOKE_RUNS ?= 2000
fuzz_names := $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC))
RUN := tests/run.py --out $(OUT) --vars '$(VARS)' $(if $(SAN),--slow 5)

run_unit = $(foreach p,$(call suite,unit),unit:cmocka:$(p)) $(foreach p,$(call suite,http),http:cmocka:$(p))
run_fault = $(foreach p,$(call suite,fault),fault:cmocka:$(p))
run_sim = $(foreach p,$(call suite,sim),sim:cmocka:$(p)) \
	$(if $(SIM_PROGRAM),'sim:command:$(SIM_PROGRAM) $(call SIM_ARGS,$(1))' \
	'sim:command:$(SIM_PROGRAM) --hostile --seeds $(1)')
run_process = $(foreach p,$(PROCESS_TESTS),process:script:$(p))
fuzz_one = tests/run.py --fuzz $(1) $(FUZZ_OUT)/tests/fuzz/fuzz_$(1)
run_fuzz = $(foreach n,$(fuzz_names),'fuzz:command:$(call fuzz_one,$(n)) -runs=$(1)')
run_tidy = 'tidy:command:$(strip make $(VARS) tidy)'
run_size = 'size:command:$(strip make $(VARS) size)'
build_all = --build '$(strip make -k $(VARS) all test-programs)'
build_fuzz = $(if $(FUZZ_SRC),--build 'make -k $(FUZZ_VARS) fuzz-programs')

.PHONY: test check sim soak asan ubsan tsan sanitized bugs tidy fuzz fuzz-smoke bench bench-peers cov demo
test:
	packaging/install-deps.sh test
	@$(RUN) $(build_all) $(build_fuzz) $(run_unit) $(run_fault) $(call run_sim,$(or $(SEEDS),300)) \
		$(run_process) $(run_tidy) $(run_size) $(call run_fuzz,$(SMOKE_RUNS))

# Under a minute: no processes, no fault sweeps, few seeds.
check:
	@$(RUN) $(build_all) $(build_fuzz) $(run_unit) $(call run_sim,$(or $(SEEDS),20)) $(run_tidy) \
		$(call run_fuzz,500)

# One suite: make unit|http|fault|process
.PHONY: unit http fault process browser
unit http fault:
	@$(RUN) $(build_all) $(foreach p,$(call suite,$@),$@:cmocka:$(p))
process: all
	@$(RUN) $(run_process)
# Against pages of others in a real browser; skipped where there is none.
browser: all
	@$(RUN) $(foreach p,$(call found,tests/browser/test_*.py),browser:script:$(p))

sim: sim-program
	$(SIM_PROGRAM) $(call SIM_ARGS,$(or $(SEEDS),100))

# The sanitizers run what finds most in least time: unit and http tests, and SEEDS runs of the simulator.
asan:
	@$(MAKE) SAN=address,undefined sanitized
ubsan:
	@$(MAKE) SAN=undefined sanitized
tsan:
	@$(MAKE) SAN=thread sanitized
sanitized:
	@$(RUN) $(build_all) $(run_unit) $(call run_sim,$(or $(SEEDS),100))

# Every seeded bug must be caught.  tests/sim/bugs.sh gets the names; the program is build/gcc-bug-NAME/sim.
BUGS = $(shell grep -rhoE '\bBUG_[A-Z0-9_]+' --include=*.c --include=*.h sync node schema | \
	sed 's/^BUG_//' | sort -u)
bugs:
	@for bug in $(BUGS); do $(MAKE) BUG=$$bug sim-program || exit 1; done
	@$(MAKE) BUG=P6_ANY_SEAL $(BUILD)/gcc-bug-P6_ANY_SEAL/tests/unit/test_apply
	tests/sim/bugs.sh $(BUGS)

tidy: libs
	@packaging/tidy.py --self-test
	@tests/run.py --self-test
	@packaging/tidy.py --out $(OUT)

# The installed program stays under 2 MB.
SIZE_BYTES_MAX := 2000000
.PHONY: size
size: all
	@test -n "$(OCOP_PROGRAM)" || { echo "size: node/main.c is missing" >&2; exit 1; }
	@$(STRIP) -o $(OUT)/ocop.stripped $(OUT)/ocop
	@n=$$(stat -c %s $(OUT)/ocop.stripped); echo "size: $$n of $(SIZE_BYTES_MAX) bytes"; \
		test $$n -le $(SIZE_BYTES_MAX)

fuzz:
	@$(MAKE) $(FUZZ_VARS) fuzz-programs
	@for name in $(fuzz_names); do $(call fuzz_one,$$name) -max_total_time=$(T) || exit 1; done
fuzz-smoke:
	@$(RUN) $(build_fuzz) $(call run_fuzz,$(SMOKE_RUNS))

bench: bench-programs
	OUT=$(OUT) tests/bench/run.sh
bench-peers: bench-programs
	packaging/install-deps.sh bench-peers
	OUT=$(OUT) PEERS=1 tests/bench/run.sh peers

demo:
	packaging/install-deps.sh build
	@$(MAKE) all
	NODES=$(NODES) packaging/demo.sh

cov:
	@find $(BUILD) -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) COV=1 cov-run
.PHONY: cov-run
cov-run:
	-@$(RUN) $(build_all) $(run_unit) $(run_fault) $(call run_sim,$(or $(SEEDS),50))
	@if command -v gcovr >/dev/null; then \
		gcovr --root . --filter 'sync/' --filter 'schema/' --filter 'node/' $(OUT); \
	else gcov -n -r -s $(CURDIR) $(SYNC_OBJ) $(call objects,$(SCHEMA_SRC) $(NODE_SRC)) 2>/dev/null | \
		grep -A1 "^File '[a-z]*/[a-z_]*\.c'" | grep -v '^--'; fi

# ---- the rest ------------------------------------------------------------------------------------

.PHONY: install clean compdb help
MAN_PAGES := $(wildcard node/*.1 node/*.5 node/*.8)
install: all
	install -D -m 755 $(OUT)/ocop $(DESTDIR)$(PREFIX)/bin/ocop
	$(STRIP) $(DESTDIR)$(PREFIX)/bin/ocop
	install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/ocop/LICENSE
	for page in $(MAN_PAGES); do install -D -m 644 $$page \
		$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done

COMPDB_SRC := $(SYNC_SRC) $(SCHEMA_SRC) $(NODE_SRC) $(wildcard node/main.c tests/sim/sim_main.c) \
	$(TEST_SRC) $(SIM_SRC) $(HELP_SRC) $(FUZZ_SRC) $(BENCH_SRC)
compdb:
	@{ sep='['; for f in $(COMPDB_SRC); do \
		printf '%s\n{"directory": "%s", "file": "%s", "command": "%s"}' "$$sep" '$(CURDIR)' "$$f" \
			"$(CC) $(C_FLAGS) -c $$f"; sep=','; done; \
		printf '\n]\n'; } >$(BUILD)/compile_commands.json
	@echo $(BUILD)/compile_commands.json

clean:
	rm -rf $(BUILD)

help:
	@echo "all (build/ocop)  test  check (< 60 s)  demo NODES=3  unit http fault process browser"
	@echo "sim SEEDS=100|SEED=n [HOSTILE=1]  bugs  asan ubsan tsan  fuzz T=60  fuzz-smoke  cov  bench  bench-peers"
	@echo "tidy  size  compdb  install PREFIX= DESTDIR=  clean"
	@echo "variants: CC=clang SAN=address,undefined LIMITS=1 BUG=NAME COV=1; BUILD=DIR SKIP='node/x.c'"
