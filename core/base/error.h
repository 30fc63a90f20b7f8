// Failure that ends a job. Throw Error where outside data or the machine is at fault, add context on the way up, catch
// only in the two final places (the job runner and the command line's main):
//
//     throw Error(ErrorKind::bad_input, "group size 128 does not divide the 2592 input columns of layers.0.fc2; use
//     32"); try { ... } catch (Error& error) { error.add_context("quantizing layers.3.mlp.down_proj"); throw; }
#pragma once

#include <exception>
#include <string>
#include <vector>

namespace graticule {

enum class ErrorKind { internal, usage, bad_input, unsupported, out_of_memory, device };

/// Copyable form of a failure; this is what crosses threads and reaches the user.
struct ErrorInfo {
    ErrorKind kind = ErrorKind::internal;
    std::string message;              ///< one line: the thing, the value, the way out
    std::vector<std::string> context; ///< innermost first: what was being done

    [[nodiscard]] std::string text() const; ///< the message, then one "while ..." line a context
    bool operator==(const ErrorInfo&) const = default;
};

/// Exit code of the command line: 1 internal, 2 usage, 3 bad input, 4 unsupported, 5 out of memory or device.
[[nodiscard]] int exit_code(ErrorKind kind);
inline constexpr int exit_code_cancelled = 130;

class Error : public std::exception {
public:
    Error(ErrorKind kind, std::string message);

    Error& add_context(std::string what_was_being_done);
    [[nodiscard]] const ErrorInfo& info() const { return info_; }
    [[nodiscard]] const char* what() const noexcept override { return info_.message.c_str(); }

private:
    ErrorInfo info_;
};

/// The user stopped the job. Deliberately not an Error: nothing went wrong.
class Cancelled final : public std::exception {
public:
    [[nodiscard]] const char* what() const noexcept override { return "cancelled"; }
};

[[noreturn]] void assertion_failed(const char* condition, const char* why, const char* file, int line);

} // namespace graticule

/// For what is impossible unless the program itself is wrong. On in every build; throws Error{internal}.
#define GRATICULE_ASSERT(condition, why)                                                                               \
    ((condition) ? void(0) : ::graticule::assertion_failed(#condition, why, __FILE__, __LINE__))
