// The HTTP side: paths, status codes, and the form of errors.
//
//   POST /orders {"item":"Macbook"}   201 {"id":42,"item":"Macbook"}
//   GET /orders                       200 {"orders":[…]}, the newest 100
//   GET /healthz                      200 when the database answers
//
// Errors are {"error":"…"}: 400 no JSON, 404, 405, 409 refused (sold out), 413 too large, 422 not a valid item, 503 no database.
#pragma once

#include <httplib.h>

#include <string>

void add_routes(httplib::Server &server, const std::string &conninfo);
