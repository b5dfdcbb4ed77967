// The HTTP side: paths, status codes, and what an error looks like to a client.
//
//   POST /orders {"item":"Macbook"}   201 {"id":42,"item":"Macbook"}
//   GET /orders                       200 {"orders":[…]}, the newest 100
//   GET /healthz                      200 when the database answers
//
// Errors are {"error":"…"}: 400 no JSON, 404, 405, 409 refused (sold out), 413 too big, 422 no such item possible, 503 no database.
#pragma once

#include <httplib.h>

#include <string>

void add_routes(httplib::Server &server, const std::string &conninfo);
