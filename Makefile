# SPDX-License-Identifier: MIT
# Builds, checks, measures and installs crmfs. `make help` lists the targets.
# What is missing on a Debian machine, `sh tools/setup.sh build` installs.

VERSION = 0.1.0
PREFIX = /usr/local
SBINDIR = /sbin
UNITDIR = $(PREFIX)/lib/systemd/system
PYTHON = /usr/bin/python3
FUZZ_SECONDS = 10
PYTEST_ARGS =
# With a compiler newer than ours: make WERROR=
WERROR = -Werror

# Every variant has a build tree of its own: make VARIANT=asan check
VARIANT = release
B := build/$(VARIANT)

CC_asan = clang
CC_tsan = clang
CC_fuzz = clang
CC := $(or $(CC_$(VARIANT)),$(CC))

FLAGS_release = -O3 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
FLAGS_asan = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan = -O1 -fno-omit-frame-pointer -fsanitize=thread
FLAGS_fuzz = $(FLAGS_asan) -fsanitize=fuzzer-no-link
FLAGS_coverage = -O0 --coverage
VARIANT_FLAGS := $(or $(FLAGS_$(VARIANT)),$(error no variant "$(VARIANT)"))

# With Oracle's client library: make MYSQL=mysqlclient
MYSQL = libmariadb
LIBRARIES = fuse3 sqlite3 $(MYSQL) libpq libsodium libzstd libssl libcrypto libxxhash inih jansson \
	libarchive libisal
# Loaded when they are first needed (backends/source/late_library.h).
LATE_LIBRARIES = libpq libarchive
ifneq ($(filter-out clean help uninstall,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell pkg-config --exists $(LIBRARIES) || echo missing),)
$(error libraries are missing, see pkg-config --print-errors --exists $(LIBRARIES); \
        on Debian: sh tools/setup.sh build)
endif
# As system headers, which our warnings do not concern.
LIBRARY_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(LIBRARIES)))
LIBRARY_LIBS := $(shell pkg-config --libs $(filter-out $(LATE_LIBRARIES),$(LIBRARIES))) -pthread -lm
endif

LANGUAGE = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DFUSE_USE_VERSION=314 \
	-DCRMFS_VERSION='"$(VERSION)"' -I. $(LIBRARY_CFLAGS)
WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wvla $(WERROR)
COMPILE = $(CC) $(LANGUAGE) $(WARNINGS) -g -fPIE -pthread $(VARIANT_FLAGS) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(VARIANT_FLAGS) $(CFLAGS) -g -pie -Wl,-z,relro,-z,now $(LDFLAGS)

objects = $(patsubst %.c,$(B)/%.o,$(1))
LIBRARY_OBJECTS := $(call objects,$(wildcard fs/*/*.c backends/*/*.c))
TOOL_OBJECTS := $(call objects,$(wildcard tools/*.c))
UNIT_SOURCES := $(wildcard tests/unit/*.c tests/fault/*.c)
UNIT_MAINS := $(wildcard tests/*/test_*.c)
UNIT_TESTS := $(patsubst %.c,$(B)/%,$(UNIT_MAINS))
FAULT_TESTS := $(filter $(B)/tests/fault/%,$(UNIT_TESTS))
UNIT_SUPPORT := $(call objects,$(filter-out $(UNIT_MAINS),$(UNIT_SOURCES)))
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/*.c))
# Outside the fuzz variant a fuzz target runs once over its corpus, as one more unit test.
FUZZ_DRIVER := $(if $(filter fuzz,$(VARIANT)),,$(B)/tests/fuzz/replay/replay.o)
# Both archives; what belongs to the command alone is taken only when something asks for it.
ARCHIVES := $(B)/libtools.a $(B)/libcrmfs.a
BINARY := $(if $(filter release,$(VARIANT)),crmfs,$(B)/crmfs)
MAN_PAGES := $(patsubst tools/man/%.scd,build/man/%,$(wildcard tools/man/*.scd))
UNITS := $(wildcard tools/units/*)
C_FILES = $(shell find fs backends tools tests -name '*.[ch]' | LC_ALL=C sort)
SCRIPTS = $(shell grep -IrlE '^\#!.*[/ ](ba)?sh$$' .ci tools tests) $(wildcard tools/completion/*)

.PHONY: all binaries man check fault bench lint asan tsan fuzz run-fuzzers coverage install uninstall \
	clean help
.DELETE_ON_ERROR:

## all        build ./crmfs (the default)
all: $(BINARY)

## binaries   ... and the test programs
binaries: $(BINARY) $(UNIT_TESTS) $(FUZZERS)

$(BINARY): $(TOOL_OBJECTS) $(B)/libcrmfs.a
	$(LINK) $^ $(LIBRARY_LIBS) -o $@

$(B)/libcrmfs.a: $(LIBRARY_OBJECTS)
$(B)/libtools.a: $(TOOL_OBJECTS)
$(ARCHIVES):
	@rm -f $@
	ar rcs $@ $^

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c $< -o $@

$(UNIT_TESTS): $(B)/%: $(B)/%.o $(UNIT_SUPPORT) $(ARCHIVES)
	$(LINK) $^ -lcmocka -lz -Wl,--as-needed -larchive -Wl,--no-as-needed $(LIBRARY_LIBS) -o $@

$(FUZZERS): $(B)/%: $(B)/%.o $(FUZZ_DRIVER) $(ARCHIVES)
	$(LINK) $(if $(FUZZ_DRIVER),,-fsanitize=fuzzer) $^ -Wl,--as-needed -larchive -Wl,--no-as-needed $(LIBRARY_LIBS) -o $@

-include $(shell [ ! -d $(B) ] || find $(B) -name '*.d')

## man        build the manual pages
man: $(MAN_PAGES)

build/man/%: tools/man/%.scd
	@mkdir -p $(@D)
	scdoc <$< >$@

## check      run every test; the last line counts them
check: binaries
	@CRMFS=$(abspath $(BINARY)) PYTHON=$(PYTHON) PYTEST_ARGS='$(PYTEST_ARGS)' \
		sh tests/check.sh $(B)/report $(UNIT_TESTS) $(if $(FUZZ_DRIVER),$(FUZZERS))

## fault      the tests that break stores alone; they say how many points they tried
fault: $(BINARY) $(FAULT_TESTS)
	@set -e; for program in $(FAULT_TESTS); do $$program; done
	CRMFS=$(abspath $(BINARY)) $(PYTHON) -m pytest -q -s tests/fault

## asan tsan  the unit tests and the tests marked "sanitize", under sanitizers
asan tsan:
	$(MAKE) --no-print-directory VARIANT=$@ PYTEST_ARGS='$(or $(PYTEST_ARGS),-m sanitize)' check

## fuzz       every fuzz target for FUZZ_SECONDS=10, from its corpus in tests/fuzz/corpus
fuzz:
	$(MAKE) --no-print-directory VARIANT=fuzz run-fuzzers

run-fuzzers: $(FUZZERS)
	@set -e; for program in $(FUZZERS); do \
		name=$$(basename $$program); \
		mkdir -p $(B)/found/$$name $(B)/crashes; \
		echo "== $$name"; \
		$$program -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -verbosity=0 \
			-print_final_stats=1 -artifact_prefix=$(B)/crashes/$$name- $(B)/found/$$name \
			$$(find tests/fuzz/corpus -maxdepth 1 -name $$name); \
	done

## coverage   run every test and show which lines they reached: build/coverage/html
coverage:
	@[ ! -d build/coverage ] || find build/coverage -name '*.gcda' -delete
	$(MAKE) --no-print-directory VARIANT=coverage check
	lcov --quiet --capture --directory build/coverage --base-directory . --no-external \
		--output-file build/coverage/all.info
	lcov --quiet --remove build/coverage/all.info '*/tests/*' --output-file build/coverage/crmfs.info
	genhtml --quiet build/coverage/crmfs.info --output-directory build/coverage/html
	lcov --summary build/coverage/crmfs.info

## bench      measure, beside the peers
bench: $(BINARY)
	CRMFS=$(abspath $(BINARY)) tests/bench/run
	CRMFS=$(abspath $(BINARY)) tests/bench/store
	CRMFS=$(abspath $(BINARY)) tests/bench/files
	CRMFS=$(abspath $(BINARY)) tests/bench/mysql
	CRMFS=$(abspath $(BINARY)) tests/bench/postgres
	CRMFS=$(abspath $(BINARY)) tests/bench/archives
	CRMFS=$(abspath $(BINARY)) tests/bench/restore

## lint       layout, layers and what static checkers find
lint:
	sh tests/lint/layers.sh
	clang-format --dry-run -Werror $(C_FILES)
	shellcheck $(SCRIPTS)
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j "$$(nproc)" \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		-D_GNU_SOURCE -I. $(filter %.c,$(C_FILES))
	@mkdir -p $(B)
	printf '%s\n' $(filter %.c,$(C_FILES)) | xargs -P "$$(nproc)" -I{} \
		clang-tidy --quiet {} -- $(LANGUAGE) $(WARNINGS) 2>$(B)/clang-tidy.log \
		|| { grep -v ' generated\.$$' $(B)/clang-tidy.log; exit 1; }

# mount(8) looks for a helper by the type that was given: crmfs, or fuse.crmfs as it is shown.
HELPERS = mount.crmfs mount.fuse.crmfs

## install    to PREFIX=/usr/local, mount.crmfs to SBINDIR=/sbin, both under DESTDIR
install: all man
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/crmfs
	install -d $(DESTDIR)$(SBINDIR)
	for helper in $(HELPERS); do \
		ln -sf $(PREFIX)/bin/crmfs $(DESTDIR)$(SBINDIR)/$$helper || exit 1; \
	done
	install -D -m 644 build/man/crmfs.1 $(DESTDIR)$(PREFIX)/share/man/man1/crmfs.1
	install -D -m 644 build/man/crmfs.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/crmfs.conf.5
	install -D -m 644 tools/completion/crmfs.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/crmfs
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(notdir $(UNITS)); do \
		sed 's|@PREFIX@|$(PREFIX)|' tools/units/$$unit >$(DESTDIR)$(UNITDIR)/$$unit && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done

## uninstall  what install put there
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/crmfs $(patsubst %,$(DESTDIR)$(SBINDIR)/%,$(HELPERS)) \
		$(DESTDIR)$(PREFIX)/share/man/man1/crmfs.1 \
		$(DESTDIR)$(PREFIX)/share/man/man5/crmfs.conf.5 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/crmfs \
		$(patsubst tools/units/%,$(DESTDIR)$(UNITDIR)/%,$(UNITS))

## clean      remove everything that was built
clean:
	rm -rf build crmfs

help:
	@sed -n 's/^## //p' Makefile
