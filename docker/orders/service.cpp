#include "service.h"

#include "json.h"
#include "store.h"

#include <iostream>
#include <map>

namespace {

using HandlerResponse = httplib::Server::HandlerResponse;
using httplib::Request;
using httplib::Response;

constexpr int worker_threads = 8; // and so at most as many connections to PostgreSQL
constexpr std::size_t max_body_bytes = 16 * 1024;
constexpr int listed_orders = 100;

const std::map<std::string, std::string> allowed_methods{{"/orders", "GET, HEAD, POST"}, {"/healthz", "GET, HEAD"}};

void answer(Response &response, int status, const std::string &json) {
    response.status = status;
    response.set_content(json, "application/json");
}

void fail(Response &response, int status, std::string_view text) { answer(response, status, error_json(text)); }

// Every worker thread has a connection of its own, which is closed when the thread ends.
Store &store(const std::string &conninfo) {
    thread_local Store store(conninfo);
    return store;
}

void place_order(Store &store, const Request &request, Response &response) {
    const std::string item = parse_item(request.body);
    const std::int64_t id = store.place(item);
    answer(response, 201, order_json(id, item));
}

void list_orders(Store &store, const Request &, Response &response) { answer(response, 200, orders_json(store.newest(listed_orders))); }

void check_health(Store &store, const Request &, Response &response) {
    store.ping();
    answer(response, 200, R"({"status":"ok"})");
}

// Turns exceptions into status codes, for all requests.
httplib::Server::Handler route(const std::string &conninfo, void (*handle)(Store &, const Request &, Response &)) {
    return [conninfo, handle](const Request &request, Response &response) {
        try {
            handle(store(conninfo), request, response);
        } catch (const BadRequest &error) {
            fail(response, error.status, error.what());
        } catch (const Refused &error) {
            fail(response, 409, error.what());
        } catch (const Unavailable &error) {
            fail(response, 503, error.what());
        } catch (const std::exception &error) {
            std::cerr << "orders: " << error.what() << std::endl;
            fail(response, 500, "internal error");
        }
    };
}

// httplib refuses a PUT without a body before it checks whether the route exists.
HandlerResponse refuse_early(const Request &request, Response &response) {
    const auto known = allowed_methods.find(request.path);
    if (known != allowed_methods.end() && known->second.find(request.method) != std::string::npos)
        return HandlerResponse::Unhandled;
    if (request.has_header("Content-Length") || request.has_header("Transfer-Encoding"))
        return HandlerResponse::Unhandled; // the body has to be read first
    response.status = 404;
    return HandlerResponse::Handled;
}

// Errors of requests that reach no route.
void explain(const Request &request, Response &response) {
    if (!response.body.empty())
        return;
    const auto known = allowed_methods.find(request.path);
    if (response.status == 404 && known != allowed_methods.end()) {
        response.set_header("Allow", known->second);
        fail(response, 405, "method not allowed");
    } else if (response.status == 404) {
        fail(response, 404, "no such path");
    } else if (response.status == 413) {
        fail(response, 413, "the body is too big");
    } else {
        fail(response, response.status, "bad request");
    }
}

// With httplib's own socket options two services could share the port.
void socket_options(socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

} // namespace

void add_routes(httplib::Server &server, const std::string &conninfo) {
    server.new_task_queue = [] { return new httplib::ThreadPool(worker_threads); };
    server.set_socket_options(socket_options);
    server.set_pre_routing_handler(refuse_early);
    server.set_payload_max_length(max_body_bytes);
    server.set_keep_alive_timeout(1); // seconds; an idle client holds a worker
    server.set_read_timeout(5);
    server.set_error_handler(httplib::Server::Handler(explain));
    server.Post("/orders", route(conninfo, place_order));
    server.Get("/orders", route(conninfo, list_orders));
    server.Get("/healthz", route(conninfo, check_health));
}
