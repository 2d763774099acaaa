// What every dataset of a report says of itself.
#pragma once

namespace perfmamba::report {

struct About {
    const char* units;  // "us", "byte"; "1" for a plain number, "" for text
    const char* long_name;
};

}  // namespace perfmamba::report
