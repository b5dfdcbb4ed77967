#include "envelope.h"

#include <cstring>

static constexpr int uuid_text_size = 36;

void envelope_open(StringInfo envelope, Text topic) {
    appendStringInfoString(envelope, "{\"topic\":\"");
    appendBinaryStringInfo(envelope, topic.data, static_cast<int>(topic.size));
    appendStringInfoChar(envelope, '"');
}

void envelope_add_raw(StringInfo envelope, const char *name) {
    size_t size = strlen(name);
    enlargeStringInfo(envelope, static_cast<int>(size + 4));
    char *out = envelope->data + envelope->len;
    *out++ = ',';
    *out++ = '"';
    memcpy(out, name, size);
    out += size;
    *out++ = '"';
    *out++ = ':';
    envelope->len = static_cast<int>(out - envelope->data);
}

void envelope_add_string(StringInfo envelope, const char *name, Text value) {
    envelope_add_raw(envelope, name);
    json_append_string(envelope, value.data, value.size);
}

void envelope_add_uuid(StringInfo envelope, const char *name, const unsigned char *bytes) {
    static const char hex[] = "0123456789abcdef";

    envelope_add_raw(envelope, name);
    enlargeStringInfo(envelope, uuid_text_size + 2);
    char *out = envelope->data + envelope->len;
    *out++ = '"';
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[bytes[i] >> 4];
        *out++ = hex[bytes[i] & 15];
    }
    *out++ = '"';
    envelope->len = static_cast<int>(out - envelope->data);
}

void envelope_add_base64(StringInfo envelope, const char *name, const unsigned char *bytes, size_t size) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    envelope_add_raw(envelope, name);
    enlargeStringInfo(envelope, static_cast<int>((size + 2) / 3 * 4 + 2));
    char *out = envelope->data + envelope->len;
    *out++ = '"';
    for (; size >= 3; bytes += 3, size -= 3) {
        uint32 group = static_cast<uint32>(bytes[0]) << 16 | static_cast<uint32>(bytes[1]) << 8 | bytes[2];
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = alphabet[group >> 6 & 63];
        *out++ = alphabet[group & 63];
    }
    if (size > 0) {
        uint32 group = static_cast<uint32>(bytes[0]) << 16 | (size == 2 ? static_cast<uint32>(bytes[1]) << 8 : 0);
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = size == 2 ? alphabet[group >> 6 & 63] : '=';
        *out++ = '=';
    }
    *out++ = '"';
    envelope->len = static_cast<int>(out - envelope->data);
}

void envelope_close(StringInfo envelope) { appendStringInfoChar(envelope, '}'); }
