// The checks of the doctor ask once which form of outbox the database has, and whose server it is. Tested by
// test/t/163_platforms.t.
#pragma once

#include "command/doctor/consultation.h"
#include "command/doctor/platform.h"

namespace outbox {

class Surroundings {
public:
    explicit Surroundings(Consultation &doctor) : doctor_(doctor) {}

    // Runs the check, or its counterpart for emit in SQL with slots of pgoutput. What mends it is in the words of the platform.
    Finding run(const Check &check);

private:
    void look();

    Consultation &doctor_;
    bool is_known_ = false;
    bool is_hosted_ = false;
    Platform platform_ = Platform::none;
};

} // namespace outbox
