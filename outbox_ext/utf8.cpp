#include "utf8.h"

#include "contract/utf8_valid.h"

#include <cstring>

namespace {

// ASCII is the same in every encoding of the server, so it needs no conversion; MULE_INTERNAL has none at all.
bool is_ascii(Text text) {
    unsigned char bits = 0;
    for (size_t i = 0; i < text.size; i++)
        bits |= static_cast<unsigned char>(text.data[i]);
    return bits < 0x80;
}

Text convert(const char *data, size_t size, const char *what) {
    Oid conversion = FindDefaultConversionProc(GetDatabaseEncoding(), PG_UTF8);
    if (!OidIsValid(conversion))
        utf8_refuse(what);
    size_t room = size * MAX_CONVERSION_GROWTH + 1;
    unsigned char *converted = static_cast<unsigned char *>(palloc(room));
    int consumed = pg_do_encoding_conversion_buf(conversion, GetDatabaseEncoding(), PG_UTF8,
                                                 reinterpret_cast<unsigned char *>(const_cast<char *>(data)), static_cast<int>(size),
                                                 converted, static_cast<int>(room), true);
    if (consumed != static_cast<int>(size))
        utf8_refuse(what);
    return Text{reinterpret_cast<char *>(converted), strlen(reinterpret_cast<char *>(converted))};
}

} // namespace

Text utf8_from_server(Text text, const char *what) {
    if (GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII && !is_ascii(text))
        text = convert(text.data, text.size, what);
    if (!utf8_is_valid(text.data, text.size))
        utf8_refuse(what);
    return text;
}

void utf8_refuse(const char *what) {
    ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE), errmsg("%s is not valid text or cannot be written in UTF-8", what),
                    errhint("Events are always UTF-8; pass other bytes as bytea.")));
    pg_unreachable();
}
