// The status as a page: one HTML document without a script, a font or a picture from elsewhere, made anew for each request, and asked for
// again by the browser every five seconds. Whatever comes from outside is escaped, and the policy allows nothing but the page's own style.
// Tested by test/t/122_page.t, in a browser.
#pragma once

#include "watch/screen.h"

#include <deque>
#include <string>

namespace outbox {

std::string page(const Status &status, const Samples &samples, const std::deque<Trouble> &troubles);

// Its Content-Security-Policy.
const std::string &page_policy();

std::string escape_html(std::string_view text);

} // namespace outbox
