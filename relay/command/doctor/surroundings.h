// The form of outbox in the database, and the provider of the server: looked up once for all checks. Tested by test/t/163_platforms.t.
#pragma once

#include "command/doctor/consultation.h"
#include "command/doctor/platform.h"

namespace outbox {

class Surroundings {
public:
    explicit Surroundings(Consultation &doctor) : doctor_(doctor) {}

    // Runs the check, or its counterpart for emit in SQL with slots of pgoutput. The repair is in the platform's words.
    Finding run(const Check &check);

private:
    void look();

    Consultation &doctor_;
    bool is_known_ = false;
    bool is_hosted_ = false;
    Platform platform_ = Platform::none;
};

} // namespace outbox
