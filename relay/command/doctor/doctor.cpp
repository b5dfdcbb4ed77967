#include "command/doctor/doctor.h"

#include "base/exit_code.h"
#include "base/log.h"
#include "command/doctor/surroundings.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <unistd.h>

#include <chrono>
#include <iostream>

namespace outbox {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto time_for_all = std::chrono::seconds(60);
constexpr const char *page = "docs/doctor.md#";

// The finding of a check whose query the server has refused.
Finding skipped(Consultation &doctor, const QueryRefused &refused) {
    if (refused.sqlstate() == "57014") // query_canceled: statement_timeout
        return {Verdict::skip, "PostgreSQL did not answer within 5 s"};
    if (refused.sqlstate() != "42501") // insufficient_privilege
        return {Verdict::skip, refused.what()};
    std::string role = doctor.server().value("SELECT quote_ident(current_user)");
    return {Verdict::skip, "role " + printable(role) + " may not look at this", {"GRANT pg_monitor TO " + role + ";"}};
}

Finding run(const Check &check, Consultation &doctor, Surroundings &here) {
    try {
        try {
            return here.run(check);
        } catch (const QueryRefused &refused) {
            return skipped(doctor, refused);
        }
    } catch (const Interrupted &) {
        throw;
    } catch (const Skipped &skipped) {
        return {Verdict::skip, skipped.what(), skipped.repair()};
    } catch (const std::exception &error) {
        return {Verdict::skip, error.what()};
    }
}

// ---- printing

const char *color_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::ok: return "\033[32m";
    case Verdict::skip: return "\033[2m";
    case Verdict::warn: return "\033[33m";
    default: return "\033[31m";
    }
}

void print(const char *name, const Finding &finding) {
    static const bool has_colors = isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == nullptr;
    std::cout << fmt::format("{}{:<5}{} {:<24} {}", has_colors ? color_of(finding.verdict) : "", word_of(finding.verdict),
                             has_colors ? "\033[0m" : "", name, finding.sentence)
              << "\n";
    for (const std::string &line : finding.repair)
        std::cout << "      repair: " << line << "\n";
    if (!finding.then.empty())
        std::cout << "      then:   " << finding.then << "\n";
    if (finding.verdict >= Verdict::warn)
        std::cout << "      see:    " << page << name << "\n";
    std::cout << std::flush;
}

class Json {
public:
    Json() : writer_(buffer_) {
        writer_.StartObject();
        writer_.Key("checks");
        writer_.StartArray();
    }

    void add(const char *name, const Finding &finding) {
        writer_.StartObject();
        text("check", name);
        text("verdict", word_of(finding.verdict));
        text("sentence", finding.sentence);
        writer_.Key("repair");
        writer_.StartArray();
        for (const std::string &line : finding.repair)
            writer_.String(line.data(), static_cast<rapidjson::SizeType>(line.size()));
        writer_.EndArray();
        text("then", finding.then);
        text("see", std::string(page) + name);
        writer_.EndObject();
    }

    void print(Verdict worst, double took_s) {
        writer_.EndArray();
        text("verdict", word_of(worst));
        writer_.Key("took_seconds");
        writer_.Double(took_s);
        writer_.EndObject();
        std::cout << buffer_.GetString() << std::endl;
    }

private:
    void text(const char *key, const std::string &value) {
        writer_.Key(key);
        writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }

    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

} // namespace

int examine(const DoctorCommand &command, Signals &signals) {
    Consultation doctor(command, signals);
    Surroundings here(doctor);
    Json json;
    Verdict worst = Verdict::ok;
    int count[4] = {};
    auto start = Clock::now();
    for (auto checks : {server_checks(), plugin_checks(), slot_checks(), retention_checks(), access_checks(), kafka_checks(),
                        topic_checks(), probe_checks()})
        for (const Check &check : checks) {
            signals.stop_if_asked();
            Finding finding = Clock::now() - start < time_for_all ? run(check, doctor, here)
                                                                  : Finding{Verdict::skip, "the minute for all checks is over"};
            finding.sentence = printable(finding.sentence);
            worst = std::max(worst, finding.verdict);
            count[static_cast<int>(finding.verdict)]++;
            command.json ? json.add(check.name, finding) : print(check.name, finding);
        }
    if (command.json)
        json.print(worst, std::chrono::duration<double>(Clock::now() - start).count());
    else
        std::cout << fmt::format("{} OK, {} SKIP, {} WARN, {} FAIL", count[0], count[1], count[2], count[3]) << std::endl;
    return static_cast<int>(worst == Verdict::fail ? ExitCode::unhealthy : ExitCode::ok);
}

} // namespace outbox
