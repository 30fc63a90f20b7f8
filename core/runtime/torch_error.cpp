#include "core/runtime/torch_error.h"

#include <charconv>
#include <new>
#include <string_view>

#include "core/base/byte_text.h"
#include "core/base/mapping_guard.h"
#include "core/base/plain_error.h"
#include "core/runtime/torch_bridge.h"
#include "kernels/api/kernel_error.h"

namespace graticule {

namespace {

/// Torch's message without the C++ stack that follows it.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// "20.00 GiB" of "... Tried to allocate 20.00 GiB. GPU 0 ..."; empty where the marker is not there.
std::string amount_after(const std::string& text, const std::string& marker) {
    const auto found = text.find(marker);
    if (found == std::string::npos) return {};
    const auto begin = found + marker.size();
    const auto end = text.find_first_of(" .,\n", text.find(' ', begin) + 1);
    const std::string amount = text.substr(begin, end - begin);
    std::int64_t bytes = 0; // of the host's allocator
    const char* last = amount.data() + amount.size();
    const auto [end_of_number, problem] = std::from_chars(amount.data(), last, bytes);
    return problem == std::errc() && std::string_view(end_of_number, last) == " bytes" ? byte_text(bytes) : amount;
}

/// The allocators of Torch say "Tried to allocate 20.00 GiB" (GPU) or "you tried to allocate 123 bytes" (host).
ErrorInfo out_of_memory(const std::string& detail) {
    const std::string needed = amount_after(detail, "ried to allocate ");
    const std::string free = amount_after(detail, "of which ");
    const bool card = detail.find("CUDA") != std::string::npos;
    std::string message = card ? "not enough memory on the GPU" : "not enough memory";
    if (!needed.empty()) message += ": " + needed + " more were needed";
    if (!free.empty()) message += ", " + free + " were free";
    if (needed.empty() && !detail.empty()) message += " (" + first_line(detail) + ")";
    message += "; use shorter windows, or fewer or shorter samples";
    if (card) message += ", or run on the CPU";
    return {ErrorKind::out_of_memory, message, {}};
}

ErrorInfo from_torch(const c10::Error& problem) {
    const std::string text = problem.what_without_backtrace();
    for (const char* sign : {"out of memory", "not enough memory", "can't allocate memory"})
        if (text.find(sign) != std::string::npos) return out_of_memory(text);
    const bool device = text.find("CUDA") != std::string::npos || text.find("CUBLAS") != std::string::npos;
    return {device ? ErrorKind::device : ErrorKind::internal, "LibTorch: " + first_line(text), {}};
}

ErrorInfo from_kernel(const KernelError& problem) {
    switch (problem.kind()) {
    case KernelError::Kind::out_of_memory:
        return out_of_memory(problem.what());
    case KernelError::Kind::device:
        return {ErrorKind::device, problem.what(), {}};
    case KernelError::Kind::invalid_argument:
        break; // the engine checks what it hands over: one that comes through is the program's mistake
    }
    return {ErrorKind::internal, problem.what(), {}};
}

} // namespace

ErrorInfo current_error() {
    try {
        verify_mappings(); // a file that was cut short explains whatever else went wrong
        throw;
    } catch (const KernelError& problem) {
        return from_kernel(problem);
    } catch (const c10::OutOfMemoryError& problem) {
        return out_of_memory(problem.what_without_backtrace());
    } catch (const c10::Error& problem) {
        return from_torch(problem);
    } catch (const std::bad_alloc&) {
        return out_of_memory({});
    } catch (...) {
        return plain_error();
    }
}

void rethrow_as_error(const std::string& what_was_being_done) {
    try {
        throw;
    } catch (const Cancelled&) {
        throw;
    } catch (Error& error) {
        error.add_context(what_was_being_done);
        throw;
    } catch (...) {
        ErrorInfo info = current_error();
        throw Error(info.kind, std::move(info.message)).add_context(what_was_being_done);
    }
}

} // namespace graticule
