// What an Error that a call throws says to a person; "no error" where it throws none.
#pragma once

#include <string>
#include <utility>

#include "core/base/error.h"

namespace graticule::testing {

template <class Function>
std::string error_message(Function&& function) {
    try {
        std::forward<Function>(function)();
    } catch (const Error& error) {
        return error.info().message;
    }
    return "no error";
}

} // namespace graticule::testing
