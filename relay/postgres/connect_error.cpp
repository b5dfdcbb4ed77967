#include "postgres/connect_error.h"

#include <algorithm>
#include <vector>

namespace outbox {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_code(std::string_view text) { // five capitals without a digit are a word
    return text.size() == 5 && std::any_of(text.begin(), text.end(), is_digit) &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); });
}

// Takes the SQLSTATE out of "FATAL:  28P01: password …", whose first word depends on the server's language. Empty: the line has none.
std::string take_code(std::string &line) {
    for (size_t colon = line.find(": "); colon != std::string::npos; colon = line.find(": ", colon + 1)) {
        size_t start = line.find_first_not_of(' ', colon + 1);
        if (start == std::string::npos || line.compare(start + 5, 2, ": ", 2) != 0 || !is_code(line.substr(start, 5)))
            continue;
        std::string code = line.substr(start, 5);
        line.erase(start, 7);
        return code;
    }
    return "";
}

// The line without its words about TLS, which alone differ in the server's two lines about pg_hba.conf.
std::string without_encryption(const std::string &line) {
    return line.substr(0, std::min(line.rfind(", SSL encryption"), line.rfind(", no encryption")));
}

std::string remedy(const std::string &code, const std::string &words, const Connecting &to) {
    std::string named =
        to.names_database ? "" : "; no dbname is given in --dsn, so the user's name \"" + to.database + "\" was taken for the database's";
    if (to.is_replication && words.find("unsupported startup parameter: replication") != std::string::npos) // PgBouncer up to 1.22
        return "; a pooler or proxy is between, and passes no replication connection on: name the server itself in --dsn";
    if (code == "42501" && to.is_replication)
        return "; ALTER ROLE \"" + to.user + "\" REPLICATION";
    if (code == "28P01")
        return "; the password comes from --dsn, PGPASSWORD or PGPASSFILE" + named;
    if (words.find("no password supplied") != std::string::npos)
        return "; put it into a file of mode 0600 that PGPASSFILE names, a line host:port:database:user:password, or see --password-file";
    if (code == "28000" && words.find("Peer authentication failed") != std::string::npos)
        return named + "; \"peer\" of pg_hba.conf lets in the operating system's user of the same name: run as that user, or name a host "
                       "in --dsn, which asks for a password";
    if (code == "28000")
        return named +
               "; the role must be there, have LOGIN, and a line of pg_hba.conf that is for this database, not for \"replication\": host " +
               to.database + " " + to.user + " <the relay's address> scram-sha-256";
    if (code == "3D000")
        return !named.empty() ? named : "; name the database of the application in --dsn";
    return "";
}

// The advice for a relay that verifies the server because nobody named an sslmode: a relay that left the choice to libpq connected there.
std::string remedy_of_tls(const std::string &words, const Connecting &to) {
    bool is_about_tls = false;
    for (const char *part : {"root certificate file", "does not support SSL", "certificate verify failed", "server certificate for"})
        is_about_tls = is_about_tls || words.find(part) != std::string::npos;
    if (!to.chose_verify_full || !is_about_tls)
        return "";
    return "; no sslmode is given and the host is another machine, so the relay asks for sslmode=verify-full: name the file of the "
           "authority "
           "that signed the server's certificate in --dsn, sslrootcert=FILE, or go on as relays before 1.1 did, sslmode=prefer, without "
           "knowing which server answers";
}

} // namespace

std::string explain_connect_error(std::string_view message, const Connecting &connecting) {
    std::vector<std::string> said, texts;
    std::string code;
    for (size_t start = 0; start < message.size();) {
        size_t end = std::min(message.find('\n', start), message.size());
        std::string line(message.substr(start, end - start));
        start = end + 1;
        std::replace(line.begin(), line.end(), '\t', ' ');
        while (line.ends_with(' '))
            line.pop_back();
        if (std::string its = take_code(line); !its.empty())
            code = its;
        std::string text = without_encryption(line);
        if (line.empty() || line.starts_with("LOCATION:") || std::find(texts.begin(), texts.end(), text) != texts.end())
            continue;
        texts.push_back(text);
        said.push_back(line);
    }
    std::string all;
    for (const std::string &line : said)
        all += (all.empty() ? "" : " ") + line;
    if (!code.empty())
        all += " (SQLSTATE " + code + ")";
    return all + remedy(code, all, connecting) + remedy_of_tls(all, connecting);
}

} // namespace outbox
