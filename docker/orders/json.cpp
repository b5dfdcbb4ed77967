#include "json.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

namespace {

constexpr int max_item_characters = 200;

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void member(Writer &writer, const char *name, std::string_view value) {
    writer.Key(name);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

auto characters(const std::string &utf8) {
    return std::count_if(utf8.begin(), utf8.end(), [](unsigned char byte) { return (byte & 0xC0) != 0x80; });
}

} // namespace

std::string parse_item(const std::string &body) {
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    rapidjson::Document document;
    document.Parse<flags>(body.data(), body.size());
    if (document.HasParseError())
        throw BadRequest(400, "the body is not JSON");
    if (!document.IsObject() || !document.HasMember("item"))
        throw BadRequest(422, "item is missing");
    const rapidjson::Value &value = document["item"];
    if (!value.IsString())
        throw BadRequest(422, "item is not a string");
    std::string item(value.GetString(), value.GetStringLength());
    if (item.empty())
        throw BadRequest(422, "item is empty");
    if (item.find('\0') != std::string::npos)
        throw BadRequest(422, "item contains a NUL character");
    if (characters(item) > max_item_characters)
        throw BadRequest(422, "item is longer than 200 characters");
    return item;
}

std::string order_json(std::int64_t id, std::string_view item) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    writer.Key("id");
    writer.Int64(id);
    member(writer, "item", item);
    writer.EndObject();
    return buffer.GetString();
}

std::string orders_json(const std::vector<Order> &orders) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    writer.Key("orders");
    writer.StartArray();
    for (const Order &order : orders) {
        writer.StartObject();
        writer.Key("id");
        writer.Int64(order.id);
        member(writer, "item", order.item);
        member(writer, "placed_at", order.placed_at);
        writer.EndObject();
    }
    writer.EndArray();
    writer.EndObject();
    return buffer.GetString();
}

std::string error_json(std::string_view text) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    member(writer, "error", text);
    writer.EndObject();
    return buffer.GetString();
}
