// Torch's exceptions end at the edge of runtime and method: what leaves is Error.
//
//     return translate_torch_errors("evaluating window 3", [&] { return decoder.forward(...); });
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace graticule {

/// Call inside a catch block: rethrows Error and Cancelled as they are, Torch's out-of-memory as Error{out_of_memory}
/// with a hint, everything else of Torch as Error{device} (CUDA failures) or Error{internal}.
[[noreturn]] void rethrow_as_error(const std::string& what_was_being_done);

template <class Function>
decltype(auto) translate_torch_errors(const std::string& what_was_being_done, Function&& function) {
    try {
        return std::forward<Function>(function)();
    } catch (...) {
        rethrow_as_error(what_was_being_done);
    }
}

} // namespace graticule
