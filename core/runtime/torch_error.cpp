#include "core/runtime/torch_error.h"

#include <new>

#include "core/base/error.h"
#include "core/base/job_context.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

namespace {

/// Torch's message without the C++ stack that follows it.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

[[noreturn]] void throw_out_of_memory(const std::string& detail, const std::string& context) {
    Error error(ErrorKind::out_of_memory, "not enough memory (" + first_line(detail) +
                                              "); use a shorter window, fewer samples, or another device");
    throw error.add_context(context);
}

} // namespace

void rethrow_as_error(const std::string& what_was_being_done) {
    try {
        throw;
    } catch (Error& error) {
        error.add_context(what_was_being_done);
        throw;
    } catch (const c10::OutOfMemoryError& problem) {
        throw_out_of_memory(problem.what_without_backtrace(), what_was_being_done);
    } catch (const std::bad_alloc& problem) {
        throw_out_of_memory(problem.what(), what_was_being_done);
    } catch (const c10::Error& problem) {
        const std::string text = problem.what_without_backtrace();
        if (text.find("not enough memory") != std::string::npos || text.find("out of memory") != std::string::npos)
            throw_out_of_memory(text, what_was_being_done);
        const bool device = text.find("CUDA") != std::string::npos || text.find("CUBLAS") != std::string::npos;
        Error error(device ? ErrorKind::device : ErrorKind::internal, "LibTorch: " + first_line(text));
        throw error.add_context(what_was_being_done);
    }
}

} // namespace graticule
