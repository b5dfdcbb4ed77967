# The programs of the suites fuzz, sanitize and threads, and their targets; a part of the Makefile.

# ---- fuzzers --------------------------------------------------------------------------------------------------------

# Fuzzers of the parsers of foreign bytes, built by clang with sanitizers, but without the check of pointer overflow: RapidJSON adds numbers to null pointers.
fuzzers := $(patsubst test/fuzz/%_fuzz.cpp,$(BUILD)/fuzz/%,$(wildcard test/fuzz/*_fuzz.cpp))
fuzz_cxx = clang++ -std=c++20 -O1 -g -Wall -Wextra -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=pointer-overflow -fno-sanitize-recover=undefined -I. -Irelay
fuzzed := $(addprefix $(BUILD)/fuzz/,relay/core/wire.o relay/core/envelope.o relay/core/plugin_dialect.o relay/core/pgoutput_dialect.o relay/core/decode.o relay/core/position.o) \
	$(patsubst %.cpp,$(BUILD)/fuzz/%.o,$(wildcard outbox_ext/contract/*.cpp))
$(BUILD)/fuzz/%.o: %.cpp
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)
	$(quiet)$(fuzz_cxx) -MMD -MP -c -o $@ $<
# The fuzzers of options need the libraries, and these parts of the relay. Without optimization they compile in a third of the time.
fuzzed_options := $(patsubst %.cpp,$(BUILD)/fuzz/%.o,$(filter-out %/libraries.cpp,$(wildcard relay/config/*.cpp)) $(addprefix relay/,core/wire.cpp watch/endpoint.cpp \
	kafka/properties.cpp kafka/broker_names.cpp kafka/client_end.cpp kafka/record_style.cpp kafka/librdkafka_version.cpp kafka/reachability.cpp kafka/property_names.cpp kafka/property_sources.cpp kafka/token.cpp postgres/conninfo.cpp \
	postgres/connection.cpp postgres/connect_error.cpp postgres/hosts.cpp postgres/login.cpp base/log.cpp base/name_lookup.cpp base/nearest.cpp base/secret_file.cpp base/small_file.cpp base/shell_command.cpp))
fuzzes_options := $(addprefix $(BUILD)/fuzz/,options values config)
$(fuzzed_options) $(fuzzes_options:$(BUILD)/fuzz/%=$(BUILD)/fuzz/test/fuzz/%_fuzz.o): fuzz_cxx += -O0 -gline-tables-only \
	-DOUTBOX_VERSION='"$(OUTBOX_VERSION)"' $(rdkafka_cflags) $(shell pkg-config --cflags libpq spdlog 2>/dev/null)
$(fuzzes_options): fuzzed := $(fuzzed_options)
$(fuzzes_options): fuzz_libs = $(relay_libs)
$(fuzzes_options): $(fuzzed_options)
$(fuzzers): $(BUILD)/fuzz/%: $(BUILD)/fuzz/test/fuzz/%_fuzz.o $(fuzzed)
	$(call say,LINK,$@)
	$(quiet)$(fuzz_cxx) -fsanitize=fuzzer -o $@ $< $(fuzzed) $(fuzz_libs)
-include $(wildcard $(BUILD)/fuzz/*/*.d $(BUILD)/fuzz/*/*/*.d)

fuzz-programs: $(fuzzers)
fuzz:
	@test/support/packages test
	@$(MAKE) --no-print-directory $(jobs) fuzz-programs
	@test/support/unprivileged test/run fuzz

# ---- the unit tests with sanitizers ---------------------------------------------------------------------------------

# The unit tests, compiled by clang with the address and the undefined-behaviour sanitizer. Code without optimization keeps all checks and compiles
# in a third of the time, and a precompiled header of what most files include saves half of the rest. Pure code is optimized, because its tests do
# millions of operations. Two checks are off: RapidJSON adds numbers to null pointers, and librdkafka's error codes, a C enum, can be any number that
# a broker sends.
sanitize_cxx = clang++ -std=c++20 -gline-tables-only -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=pointer-overflow,enum \
	-fno-sanitize-recover=all -D_GLIBCXX_ASSERTIONS -DOUTBOX_VERSION='"$(OUTBOX_VERSION)"' -I. -Irelay $(rdkafka_cflags) \
	$(shell pkg-config --cflags libpq spdlog libmicrohttpd prometheus-cpp-core libcrypto 2>/dev/null)
sanitized := $(patsubst $(BUILD)/%,$(BUILD)/sanitize/%,$(unit_objects) $(filter-out $(BUILD)/relay/main.o $(contract_objects),$(relay_objects))) \
	$(patsubst %.cpp,$(BUILD)/sanitize/%.o,$(wildcard outbox_ext/contract/*.cpp))
sanitize_header := $(BUILD)/sanitize/common.pch

# The precompiled header holds the absolute path of its source. ccache would serve the one of another tree, which the compiler refuses here.
$(sanitize_header): test/unit/sanitize.h $(rdkafka_choice) $(rdkafka)
	@mkdir -p $(@D)
	$(call say,PCH,$<)
	$(quiet)CCACHE_DISABLE=1 $(sanitize_cxx) -O0 -MMD -MP -MT $@ -MF $(@:.pch=.d) -x c++-header -fpch-instantiate-templates -o $@ $<
$(BUILD)/sanitize/%.o: %.cpp $(sanitize_header)
	@mkdir -p $(@D)
	$(call say,SAN,$<)
	$(quiet)$(sanitize_cxx) $(if $(filter relay/core/% outbox_ext/contract/%,$<),-O1,-O0 -include-pch $(sanitize_header)) -MMD -MP -c -o $@ $<
$(BUILD)/sanitize/unit_tests: $(sanitized)
	$(call say,LINK,$@)
	$(quiet)$(sanitize_cxx) -o $@ $^ $(relay_libs) -lgtest -lgtest_main -pthread

# The relay with both sanitizers, and the extension with the sanitizer of undefined behaviour, for make test SANITIZE=1.
$(BUILD)/sanitize/outbox-relay: $(BUILD)/sanitize/relay/main.o $(filter-out $(BUILD)/sanitize/test/%,$(sanitized))
	$(call say,LINK,$@)
	$(quiet)$(sanitize_cxx) -o $@ $^ $(relay_libs) -pthread
$(BUILD)/sanitize/relay/command/hosted_setup.o: outbox_ext/hosted/outbox.sql
sanitized_ext := $(patsubst $(BUILD)/%,$(BUILD)/sanitize/server/%,$(ext_objects))
$(BUILD)/sanitize/server/%.o: %.cpp
	@mkdir -p $(@D)
	$(call say,SAN,$<)
	$(quiet)$(COMPILE.cc) -O1 -fno-omit-frame-pointer -fsanitize=undefined -fno-sanitize-recover=all -MMD -MP -o $@ $<
$(BUILD)/sanitize/server/outbox.so: $(sanitized_ext) outbox_ext/exports.map
	$(call say,LINK,$@)
	$(quiet)$(CC) $(sanitized_ext) -shared -fsanitize=undefined -Wl,--version-script=outbox_ext/exports.map -o $@
-include $(wildcard $(BUILD)/sanitize/*.d $(BUILD)/sanitize/*/*/*.d $(BUILD)/sanitize/*/*/*/*.d)

sanitize-programs: $(if $(SANITIZE),$(BUILD)/sanitize/outbox-relay $(BUILD)/sanitize/server/outbox.so,$(BUILD)/sanitize/unit_tests) ; @:
sanitize:
	@test/support/packages test
	@$(MAKE) --no-print-directory $(jobs) sanitize-programs
	@test/support/unprivileged test/run sanitize

# ---- the thread sanitizer -------------------------------------------------------------------------------------------

# make test SANITIZE=thread: the relay, and the unit tests of what threads share. The sanitizer has to see every lock and every atomic, so librdkafka
# is compiled with it, too, and with POSIX threads: the sanitizer does not know those of C11.
thread_cxx = clang++ -std=c++20 -gline-tables-only -fno-omit-frame-pointer -fsanitize=thread -D_GLIBCXX_ASSERTIONS -DOUTBOX_VERSION='"$(OUTBOX_VERSION)"' \
	-I. -Irelay -isystem $(BUILD)/thread/librdkafka/include $(shell pkg-config --cflags libpq spdlog libmicrohttpd prometheus-cpp-core libcrypto 2>/dev/null)
thread_libs = $(BUILD)/thread/librdkafka/librdkafka.a $(shell cat $(BUILD)/thread/librdkafka/link-with) $(filter-out $(rdkafka_libs),$(relay_libs))
thread_header := $(BUILD)/thread/common.pch
threaded := $(filter-out $(BUILD)/thread/contract/% $(BUILD)/thread/relay/main.o,$(patsubst $(BUILD)/%,$(BUILD)/thread/%,$(filter-out $(contract_objects),$(relay_objects)))) \
	$(patsubst %.cpp,$(BUILD)/thread/%.o,$(wildcard outbox_ext/contract/*.cpp))
threads_tested := $(patsubst %,$(BUILD)/thread/test/unit/%_test.o,at_least_once_sink background_call broker_names client_end exactly_once_sink kafka_producer kafka_statistics \
	kafka_transaction name_lookup reachability rotation server_link state_reader status tallies token troubles)
$(BUILD)/thread/librdkafka/complete: packaging/librdkafka
	@mkdir -p $(@D)
	@cp -n $(BUILD)/librdkafka/*.tgz $(@D) 2>/dev/null || :
	+@$(unless_asked)CC=clang CXX=clang++ CFLAGS='-fsanitize=thread' configure_more=--disable-c11threads $< $(@D)
	@test -s $(@D)/librdkafka.a || { rm -f $@; tail -n 20 $(@D)/log >&2; exit 1; }
$(thread_header): test/unit/sanitize.h $(BUILD)/thread/librdkafka/complete
	$(call say,PCH,$<)
	$(quiet)CCACHE_DISABLE=1 $(thread_cxx) -O0 -MMD -MP -MT $@ -MF $(@:.pch=.d) -x c++-header -fpch-instantiate-templates -o $@ $<
$(BUILD)/thread/%.o: %.cpp $(thread_header)
	@mkdir -p $(@D)
	$(call say,TSAN,$<)
	$(quiet)$(thread_cxx) -O0 -include-pch $(thread_header) -MMD -MP -c -o $@ $<
$(BUILD)/thread/outbox-relay: $(BUILD)/thread/relay/main.o $(threaded)
	$(call say,LINK,$@)
	$(quiet)$(thread_cxx) -o $@ $^ $(thread_libs) -pthread
$(BUILD)/thread/relay/command/hosted_setup.o: outbox_ext/hosted/outbox.sql
$(BUILD)/thread/unit_tests: $(threads_tested) $(threaded)
	$(call say,LINK,$@)
	$(quiet)$(thread_cxx) -o $@ $^ $(thread_libs) -lgtest -lgtest_main -pthread
-include $(wildcard $(BUILD)/thread/*.d $(BUILD)/thread/*/*/*.d $(BUILD)/thread/*/*/*/*.d)
thread-programs: $(BUILD)/thread/outbox-relay $(BUILD)/thread/unit_tests ; @:

# By SANITIZE: without, with the sanitizers of addresses and undefined behaviour, with the one of threads, which needs the addresses of the program
# where they are without chance.
of_sanitizer = $(if $(SANITIZE),$(if $(filter thread,$(SANITIZE)),$(3),$(2)),$(1))
fixed_addresses = $(shell setarch -R true 2>/dev/null && echo setarch -R)
threads_seen := $(patsubst %,test/t/%.t,018_status 040_exactly_once 053_health 063_kafka_out_of_reach 065_broker_names 068_names 114_reload 121_metrics 220_many_topics)
.PHONY: thread-programs
