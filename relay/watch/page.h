// The status as a page: one HTML document without a script, a font or a picture from elsewhere, made for each request. The browser
// asks again every five seconds. Texts from outside are escaped, and the policy allows only the page's own style. Tested by
// test/t/122_page.t, in a browser.
#pragma once

#include "watch/screen.h"

#include <deque>
#include <string>

namespace outbox {

std::string page(const Status &status, const Samples &samples, const std::deque<Trouble> &troubles);

// The page's Content-Security-Policy.
const std::string &page_policy();

std::string escape_html(std::string_view text);

} // namespace outbox
