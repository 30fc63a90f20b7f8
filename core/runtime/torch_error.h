// Every exception as what a person is told. Torch's and the kernels' end at the edge of runtime and method: what leaves
// is Error. The final catch sites (command line, the window's threads) take the rest from the same table.
//
//     return translate_torch_errors("evaluating window 3", [&] { return decoder.forward(...); });
//     try { ... } catch (const Cancelled&) { ... } catch (...) { error = current_error(); }
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "core/base/error.h"

namespace graticule {

/// Call inside a catch block: the exception at hand. Out of memory (Torch, kernels, operator new) says how much was
/// needed where that is known, and the way out; a failing GPU is ErrorKind::device; what nobody foresaw is internal.
[[nodiscard]] ErrorInfo current_error();

/// Call inside a catch block: rethrows Cancelled as it is and everything else as Error, with one more step of context.
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
