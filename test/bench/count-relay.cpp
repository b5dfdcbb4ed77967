// bench-count-relay: repeats the relay's own work for an event, without libpq and librdkafka, so that callgrind can count its
// instructions, which, unlike times, are the same on a busy machine. case/smoke.pm starts it.
//
//   bench-count-relay PART EVENTS      PART: wire, envelope, single, batch
#include "relay/core/decode.h"
#include "relay/core/plugin_dialect.h"
#include "relay/core/session.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace outbox;

const std::string envelope =
    R"({"topic":"orders","key":"42","id":"01930000-0000-7000-8000-000000000000","type":"order.created",)"
    R"("headers":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},"payload":{"order":4711,"item":"Macbook",)"
    R"("sku":"59b7c36a5d1c1b4e","quantity":3,"price":"1299.00","note":"leave it with the neighbours, they are at home","urgent":true,)"
    R"("city":"Berlin","weight":2.75,"tags":["fragile","gift"]}})";

volatile size_t seen; // keeps the compiler from optimising the work away

void require(bool condition) {
    if (!condition)
        std::abort();
}

void read_wire(size_t events) {
    const std::string keepalive = std::string("k\0\0\0\0\x01\x6b\x37\x48", 9) + std::string(8, '\0') + '\1';
    for (size_t n = 0; n < events; n++) {
        const auto message = parse_keepalive(keepalive);
        require(message && message->reply_requested);
        seen = static_cast<size_t>(make_status_update(message->wal_end, 0)[16]) + format_lsn(parse_lsn("0/16B3748").value()).size();
    }
}

void read_envelopes(size_t events) {
    std::string scratch;
    for (size_t n = 0; n < events; n++) {
        require(kind_of(envelope) == LineKind::envelope);
        const Event event = parse_event(envelope);
        std::string_view headers = event.headers;
        while (const auto header = next_header(headers))
            seen = unescape(header->value, scratch).size();
        seen = unescape(*event.key, scratch).size() + event.payload.size();
    }
}

// A sink that delivers every event a moment after it was offered.
class Deliverer : public Sink {
public:
    Offer offer(const Begin &, const Event &, Chunk &chunk) override {
        waiting_.emplace_back(chunk.retain(100));
        return Offer::taken;
    }
    void flush() override {}
    void serve() override {}
    pollfd wanted() const override { return {}; }
    bool empty() const override { return waiting_.empty(); }

    void deliver(Session &session) {
        for (const Chunk::Pointer &chunk : waiting_)
            session.delivered(*chunk);
        waiting_.clear();
    }

private:
    std::vector<Chunk::Pointer> waiting_;
};

// Each transaction is one CopyData message.
void read_transactions(size_t events, size_t per_transaction) {
    std::string lines = R"({"begin":"0/16B3748","xid":742,"ts":"2026-11-23T09:42:00.123456Z"})";
    for (size_t n = 0; n < per_transaction; n++)
        lines += "\n" + envelope;
    lines += "\n{\"commit\":\"0/16B3748\",\"events\":" + std::to_string(per_transaction) + "}";

    Budget budget(8 << 20);
    Deliverer sink;
    PluginDialect dialect;
    Session session(1, budget, [](const Rejected &) { std::abort(); });
    for (size_t n = 0; n < events; n += per_transaction) {
        Memory memory(static_cast<char *>(std::malloc(lines.size())));
        std::memcpy(memory.get(), lines.data(), lines.size());
        const std::string_view view(memory.get(), lines.size());
        session.take({std::move(memory), view}, dialect);
        require(session.offer(sink));
        sink.deliver(session);
    }
    require(session.confirmed() == parse_lsn("0/16B3748") && budget.used() == 0);
}

void read_single(size_t events) { read_transactions(events, 1); }
void read_batch(size_t events) { read_transactions(events, 100); }

const std::map<std::string_view, void (*)(size_t events)> parts = {
    {"wire", read_wire}, {"envelope", read_envelopes}, {"single", read_single}, {"batch", read_batch}};

} // namespace

int main(int argc, char **argv) {
    const auto part = argc == 3 ? parts.find(argv[1]) : parts.end();
    if (part == parts.end()) {
        std::fputs("usage: bench-count-relay wire|envelope|single|batch EVENTS\n", stderr);
        return 2;
    }
    part->second(std::strtoul(argv[2], nullptr, 10));
}
