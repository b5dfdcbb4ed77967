// A getaddrinfo() for LD_PRELOAD: it resolves names that end in ".test" to 127.0.0.1, and passes other names to the C library. While the
// folder $DEAD_NAMES has a file of the name, it behaves as without a name server, for a minute at most. Outbox::Names creates and removes
// such files.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef int (*lookup)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    lookup next = (lookup)dlsym(RTLD_NEXT, "getaddrinfo");
    size_t length = name ? strlen(name) : 0;
    char dead[4096];
    if (length < 5 || strcmp(name + length - 5, ".test") != 0 || (hints && hints->ai_flags & AI_NUMERICHOST))
        return next(name, service, hints, found);
    snprintf(dead, sizeof(dead), "%s/%s", getenv("DEAD_NAMES"), name);
    for (int i = 0; access(dead, F_OK) == 0; i++) {
        if (i == 600)
            return EAI_AGAIN;
        usleep(100000);
    }
    return next("127.0.0.1", service, hints, found);
}
