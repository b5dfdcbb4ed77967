// bench-count-extension: repeats the extension's own work for an event, so that callgrind can count its instructions: `write` is emit's
// envelope with a minified payload, `check` is the plugin's guard. The program is linked without a server (see no-server.cpp), so the
// server's functions are not counted. case/smoke.pm starts it.
//
//   bench-count-extension PART EVENTS      PART: write, check
#include "outbox_ext/contract/guard.h"
#include "outbox_ext/envelope.h"

#include "test/bench/no-server.h"

namespace {

const char payload[] = R"({"order": 4711, "item": "Macbook", "sku": "59b7c36a5d1c1b4e", "quantity": 3, "price": "1299.00", )"
                       R"("note": "leave it with the neighbours, they are at home", "urgent": true, "city": "Berlin", )"
                       R"("weight": 2.75, "tags": ["fragile", "gift"]})";

const unsigned char id[16] = {0x01, 0x93, 0, 0, 0, 0, 0x70, 0, 0x80};

constexpr Text text(const char *data) { return Text{data, __builtin_strlen(data)}; }

void require(bool condition) {
    if (!condition)
        abort();
}

void write(StringInfo envelope) {
    JsonError error;
    initStringInfo(envelope);
    envelope_open(envelope, text("orders"));
    envelope_add_string(envelope, "key", text("42"));
    envelope_add_uuid(envelope, "id", id);
    envelope_add_string(envelope, "type", text("order.created"));
    envelope_add_raw(envelope, "payload");
    require(json_minify(payload, sizeof(payload) - 1, envelope, &error));
    envelope_close(envelope);
}

void write_many(long events) {
    StringInfoData envelope;
    const size_t mark = no_server_mark();
    for (long n = 0; n < events; n++) {
        write(&envelope);
        no_server_release(mark);
    }
}

void check_many(long events) {
    StringInfoData envelope;
    Text topic;
    write(&envelope);
    for (long n = 0; n < events; n++)
        require(guard_reject(envelope.data, static_cast<size_t>(envelope.len), envelope_head_max, &topic) == nullptr);
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 3 || (strcmp(argv[1], "write") != 0 && strcmp(argv[1], "check") != 0))
        return 2;
    (strcmp(argv[1], "write") == 0 ? write_many : check_many)(atol(argv[2]));
    return 0;
}
