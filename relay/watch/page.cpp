#include "watch/page.h"

#include "watch/page_style.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace outbox {
namespace {

constexpr double width = 300, height = 80;

// A chart of one value of each sample over fifteen minutes. The newest sample is at the right; the largest value touches the top.
class Chart {
public:
    Chart(const char *title, double least_top) : title_(title), top_(least_top) {}

    void add(double seconds_ago, double value) {
        points_.emplace_back(seconds_ago, value);
        top_ = std::max(top_, value);
    }

    template <typename Text>
    std::string svg(const std::string &now, Text text) const {
        std::string line;
        for (const auto &[ago, value] : points_)
            line += fmt::format("{:.1f},{:.1f} ", x(ago), height - value / top_ * (height - 4));
        std::string area;
        if (!points_.empty())
            area = fmt::format(R"(<polygon class="area" points="{:.1f},{} {}{:.1f},{}"/><polyline class="curve" points="{}"/>)",
                               x(points_.front().first), height, line, x(points_.back().first), height, line);
        return fmt::format(
            R"(<section class="chart"><h2>{}</h2><svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}, now {}">)"
            R"(<line class="floor" x1="0" y1="{}" x2="{}" y2="{}"/>{}</svg><div class="ends"><span>15 min</span>)"
            R"(<span>highest {}</span><span>now {}</span></div></section>)",
            title_, width, height, title_, now, height, width, height, area, highest(text), now);
    }

private:
    static double x(double seconds_ago) { return width - std::min(seconds_ago, 900.0) / 900 * width; }

    template <typename Text>
    std::string highest(Text text) const {
        double most = 0;
        for (const auto &point : points_)
            most = std::max(most, point.second);
        return text(most);
    }

    const char *title_;
    double top_;
    std::vector<std::pair<double, double>> points_;
};

std::string rate_text(double a_second) {
    return a_second < 10 ? fmt::format("{:.1f}", a_second) : count_text(static_cast<uint64_t>(a_second + 0.5));
}

std::string charts(const Screen &screen, const Samples &samples) {
    Chart lag("Lag", 1), rate("Events a second", 1), retained("WAL that the slot keeps", 1e6);
    auto now = std::chrono::system_clock::now();
    const Sample *before = nullptr;
    for (const Sample &sample : samples.all()) {
        double ago = std::chrono::duration<double>(now - sample.at).count();
        lag.add(ago, sample.lag_s);
        if (before != nullptr)
            rate.add(ago, Samples::rate(*before, sample));
        if (sample.retained_bytes >= 0)
            retained.add(ago, static_cast<double>(sample.retained_bytes));
        before = &sample;
    }
    lag.add(0, screen.lag_s); // the present value ends the curve
    if (screen.retained_wal_bytes)
        retained.add(0, static_cast<double>(*screen.retained_wal_bytes));
    auto per_second = [](double value) { return rate_text(value); };
    auto bytes = [](double value) { return bytes_text(static_cast<int64_t>(value)); };
    return R"(<div class="charts">)" + lag.svg(seconds_text(screen.lag_s), seconds_text) +
           rate.svg(rate_text(screen.events_per_second), per_second) +
           retained.svg(screen.retained_wal_bytes ? bytes_text(*screen.retained_wal_bytes) : "not known", bytes) + "</div>";
}

std::string figure(const char *name, const std::string &value) {
    return fmt::format(R"(<div class="figure"><dt>{}</dt><dd>{}</dd></div>)", name, escape_html(value));
}

std::string bytes_or_unknown(std::optional<int64_t> bytes) {
    if (!bytes)
        return "not known";
    return *bytes == SlotFigures::unlimited ? "no bound" : bytes_text(*bytes);
}

std::string seconds_or_none(std::optional<double> seconds, const char *none) { return seconds ? seconds_text(*seconds) : none; }

std::string figures(const Screen &screen) {
    std::string slot = screen.slot_state.empty() ? "not known" : screen.slot_state + (screen.slot_active == false ? ", not read" : "");
    std::string failover = !screen.failover_ready ? "" : *screen.failover_ready ? "ready" : "not ready";
    return R"(<dl class="figures">)" + figure("Lag", seconds_text(screen.lag_s)) +
           figure("Backlog", bytes_or_unknown(screen.backlog_bytes)) + figure("Events a second", rate_text(screen.events_per_second)) +
           figure("Last delivery", screen.delivery_s_ago ? seconds_text(*screen.delivery_s_ago) + " ago" : "none yet") +
           figure("To Kafka, p50", seconds_or_none(screen.commit_to_ack_p50_s, "–")) +
           figure("To Kafka, p99", seconds_or_none(screen.commit_to_ack_p99_s, "–")) + figure("Slot", slot) +
           figure("WAL it keeps", bytes_or_unknown(screen.retained_wal_bytes)) +
           figure("Until lost", bytes_or_unknown(screen.safe_wal_bytes)) + (failover.empty() ? "" : figure("Failover", failover)) + "</dl>";
}

std::string advice(const Screen &screen, bool is_bad) {
    if (screen.advice.empty() && screen.waiting_for.empty())
        return "";
    std::string waits = screen.waiting_for.empty() ? "" : "<p>" + escape_html(screen.waiting_for) + "</p>";
    return fmt::format(R"(<div class="advice{}"><p>{}</p>{}</div>)",
                       is_bad           ? " bad"
                       : screen.is_good ? " good"
                                        : "",
                       escape_html(screen.advice), waits);
}

std::string notes(const Screen &screen) {
    std::string items;
    for (const std::string &note : screen.notes)
        items += "<li>" + escape_html(note) + "</li>";
    return items.empty() ? "" : R"(<section class="list"><h2>Notes</h2><ul>)" + items + "</ul></section>";
}

std::string last_errors(const std::deque<Trouble> &troubles) {
    std::string items;
    for (const Trouble &trouble : troubles)
        items += fmt::format(R"(<li><span class="when">{:%H:%M:%S}</span><span class="{}">{}</span>{} {}</li>)",
                             fmt::gmtime(std::chrono::system_clock::to_time_t(trouble.at)), trouble.is_error ? "bad" : "wait",
                             trouble.is_error ? "error" : "warning", trouble.count > 1 ? fmt::format(" ({} times)", trouble.count) : "",
                             escape_html(trouble.text));
    return R"(<section class="list"><h2>Last warnings and errors (UTC)</h2><ul>)" + (items.empty() ? "<li>none</li>" : items) +
           "</ul></section>";
}

// SHA-256 of a text in base64, as a Content-Security-Policy names an inline style.
std::string hash_of(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
    std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> encoded{};
    int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
    return {reinterpret_cast<const char *>(encoded.data()), static_cast<size_t>(length)};
}

} // namespace

std::string escape_html(std::string_view text) {
    std::string out;
    for (char c : text)
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&#39;"; break;
        default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    return out;
}

std::string page(const Status &status, const Samples &samples, const std::deque<Trouble> &troubles) {
    Screen screen = screen_of(status, samples);
    RelayState state = status.state;
    bool is_bad = state == RelayState::stopped || screen.slot_state == "lost" || screen.slot_state == "missing";
    const char *colour = is_bad ? "bad" : screen.is_good && screen.word == name_of(state) ? "good" : "wait";
    const About &about = status.about;
    return fmt::format(
               R"(<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">)"
               R"(<meta http-equiv="refresh" content="5"><link rel="icon" href="data:,"><title>{} – outbox {}</title><style>{}</style></head>)"
               R"(<body><main><header><h1>outbox</h1><span class="word {}">{}</span><span class="about">{} · slot {} · {}</span></header>)",
               screen.word, escape_html(about.slot), page_style, colour, screen.word, escape_html(about.source), escape_html(about.slot),
               escape_html(about.delivery)) +
           advice(screen, is_bad) + figures(screen) + charts(screen, samples) + notes(screen) + last_errors(troubles) +
           fmt::format(
               R"(<footer>outbox-relay {} · <a href="/status">JSON</a> · <a href="/metrics">metrics</a> · <a href="/readyz?verbose">checks</a>)"
               R"( · this page reloads every five seconds</footer></main></body></html>)",
               OUTBOX_VERSION) +
           "\n";
}

const std::string &page_policy() {
    static const std::string policy = "default-src 'none'; style-src 'sha256-" + hash_of(page_style) +
                                      "'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    return policy;
}

} // namespace outbox
