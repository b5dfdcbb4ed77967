// The JSON that the service reads and writes: requests, answers and the event's payload.
#pragma once

#include "store.h"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct BadRequest : std::runtime_error {
    BadRequest(int http_status, const char *text) : runtime_error(text), status(http_status) {}
    int status;
};

// The item of a request to place an order; throws BadRequest if the request has none.
std::string parse_item(const std::string &body);

std::string order_json(std::int64_t id, std::string_view item);
std::string orders_json(const std::vector<Order> &orders);
std::string error_json(std::string_view text);
