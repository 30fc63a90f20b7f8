// What a worker's job says as it goes on. The process that computes writes the lines into a file, the worker sends the
// file's lines as they are, and who asked reads them; after a lost connection from where it was. Each line has "job",
// "run" (how often the job was started) and "n", its number.
//
//     {"event":"progress", stage, done, total}     {"event":"log", text}
//         before, windows                          members that say what Progress::begin was told; absent from workers of before
//     {"event":"evaluation", evaluation}           all of it so far, as results are written
//     {"event":"window", loss, seconds}            one window more
//     {"event":"done", evaluation, size}           {"event":"failed", error}     {"event":"cancelled"}
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/io/descriptor.h"
#include "core/recipe/tensor_scheme.h"
#include "core/result/evaluation.h"
#include "core/result/quantized_model.h"

namespace graticule {

/// Writes them. From several threads.
class JobEvents {
public:
    /// `file` is there and empty. Throws Error{bad_input} naming it.
    JobEvents(const std::filesystem::path& file, std::string job, std::int64_t run);
    /// Throws as the constructor. Behind a line that was written in part nothing may follow: after a failure every
    /// later line fails the same.
    void write(nlohmann::json event);
    /// As little as says it. `whole`: all of it, whatever was told before.
    void tell(const Evaluation& so_far, bool whole = false);

private:
    std::filesystem::path path_;
    std::string job_;
    std::int64_t run_;
    std::mutex mutex_; // guards what follows
    Descriptor file_;
    int failure_ = 0; ///< errno of writing
    std::int64_t next_ = 0;
    std::size_t told_ = 0; ///< windows
};

/// Of a recipe's quantized model.
struct RemoteSize {
    StoredBits bits_per_weight;
    std::int64_t bytes_before = 0, bytes_after = 0;
};

[[nodiscard]] RemoteSize size_of(const QuantizedModel& quantized);
/// As members of a result.
[[nodiscard]] nlohmann::json to_json(const RemoteSize& size);

/// What they have said so far.
class JobNews {
public:
    enum class End { none, done, failed, cancelled };

    /// One more line. Throws Error{bad_input} for one that is none or comes out of its turn.
    void take(const nlohmann::json& event);
    /// The job began again, or another one is followed.
    void begin(std::string job, std::int64_t run);

    [[nodiscard]] const std::string& job() const { return job_; } ///< empty: none yet
    [[nodiscard]] std::int64_t run() const { return run_; }
    [[nodiscard]] std::int64_t next() const { return next_; } ///< number of the next line
    [[nodiscard]] const std::optional<Evaluation>& evaluation() const { return evaluation_; }
    [[nodiscard]] const std::optional<RemoteSize>& size() const { return size_; }
    [[nodiscard]] End end() const { return end_; }
    [[nodiscard]] const ErrorInfo& error() const { return error_; } ///< of a failed one

private:
    void add_window(const nlohmann::json& event);

    std::string job_;
    std::int64_t run_ = 0, next_ = 0;
    std::optional<Evaluation> evaluation_;
    std::optional<RemoteSize> size_;
    End end_ = End::none;
    ErrorInfo error_;
};

/// What the lines of a file have said; the rest of one that ends amid a line, or is damaged, is left out.
[[nodiscard]] JobNews read_events(const std::filesystem::path& file, const std::string& job, std::int64_t run);

} // namespace graticule
