// Where the outside reference data lies: beside the checkout as ../shared, or where GRATICULE_SHARED says. It is not
// part of the repository (some of it is not free to ship), so tests that need it skip loudly without it.
#pragma once

#include <QtCore/QtGlobal>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace graticule::testing {

inline std::filesystem::path shared_dir() {
    if (const char* set = std::getenv("GRATICULE_SHARED")) return set;
    return std::filesystem::path(GRATICULE_SOURCE_DIR) / ".." / "shared";
}

inline bool have_shared(const std::string& relative) { return std::filesystem::exists(shared_dir() / relative); }

} // namespace graticule::testing

/// With GRATICULE_REQUIRE_SHARED=1 a missing file is a failure.
#define GRATICULE_NEEDS_SHARED(relative)                                                                               \
    do {                                                                                                               \
        if (::graticule::testing::have_shared(relative)) break;                                                        \
        if (qEnvironmentVariableIntValue("GRATICULE_REQUIRE_SHARED") == 1)                                             \
            QFAIL("the reference data " relative " is missing (GRATICULE_REQUIRE_SHARED=1)");                          \
        QSKIP("needs the reference data " relative " (set GRATICULE_SHARED to its folder)");                           \
    } while (false)
