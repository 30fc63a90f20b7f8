// What a worker and who asks it say to each other: one JSON object a line, so that whatever carries two streams will do
// (ssh, docker exec, a process here).
//
//     asked                                        answered
//     {"ask":"hello","protocol":1}                 {"event":"hello", protocol, host, versions, devices}
//     {"ask":"start","order":{...}}                {"event":"started", job, run, state: "new", "running" or "done"}
//     {"ask":"attach","job":ID,"run":R,"from":N}   {"event":"attached", job, run, from}
//     {"ask":"cancel","job":ID}                    {"event":"cancelling", job}
//
// What cannot be done is {"event":"refused","error":{kind, message, context}}. Behind "started" and "attached" come the
// job's own lines (job_events.h), and {"event":"died", job, message} where its process is gone before its end. While
// nothing else is said there is {"event":"alive"} every few seconds.
#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/io/json_file.h"

namespace graticule {

inline constexpr int worker_protocol = 1; ///< another number is refused by both sides
/// An order holds its texts, a result the losses of all windows.
inline constexpr JsonLimits asked_limits{std::size_t{128} << 20, 64}, answer_limits{std::size_t{64} << 20, 64};
inline constexpr std::chrono::seconds between_alive{5}, silence_is_loss{30};

[[nodiscard]] nlohmann::json to_json(const ErrorInfo& error);
/// Texts of any other type are left out: it tells of a failure already.
[[nodiscard]] ErrorInfo read_error(const nlohmann::json& value);
/// It again, with what was being done.
[[noreturn]] void throw_as_told(const ErrorInfo& told);

/// One line, without its end; bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string line_of(const nlohmann::json& message);

// Members of an object from outside; throw Error{bad_input} naming `where`, the member and what it must be.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& object, const char* name, const std::string& where);
[[nodiscard]] std::string text_member(const nlohmann::json& object, const char* name, const std::string& where);
[[nodiscard]] std::int64_t number_member(const nlohmann::json& object, const char* name, std::int64_t least,
                                         std::int64_t most, const std::string& where);
/// 64 hexadecimal digits in lower case, as a SHA-256 is written.
[[nodiscard]] bool is_hash(std::string_view text);
[[nodiscard]] std::string hash_member(const nlohmann::json& object, const char* name, const std::string& where);

} // namespace graticule
