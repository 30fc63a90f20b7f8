#include "core/base/error.h"

#include <utility>

namespace graticule {

std::string ErrorInfo::text() const {
    std::string all = message;
    for (const std::string& step : context) all += "\n  while " + step;
    return all;
}

int exit_code(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::internal:
        return 1;
    case ErrorKind::usage:
        return 2;
    case ErrorKind::bad_input:
        return 3;
    case ErrorKind::unsupported:
        return 4;
    case ErrorKind::out_of_memory:
    case ErrorKind::device:
        return 5;
    }
    return 1;
}

Error::Error(ErrorKind kind, std::string message)
    : info_{kind, std::move(message), {}} {}

Error& Error::add_context(std::string what_was_being_done) {
    info_.context.push_back(std::move(what_was_being_done));
    return *this;
}

void assertion_failed(const char* condition, const char* why, const char* file, int line) {
    throw Error(ErrorKind::internal,
                std::string(why) + " (" + condition + ", " + file + ":" + std::to_string(line) + ")");
}

} // namespace graticule
