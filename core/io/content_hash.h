// SHA-256 over the files that a model was taken from, computed beside other work: a result that carries it asks for it
// at its end.
//
//     ContentHash hash(checkpoint->files());   // notes the files as they are now; reads nothing
//     hash.look_up();                          // what costs nothing: small files, and large ones hashed before
//     hash.start();                            // the rest, in the background
//     ... hours of work ...
//     provenance.model_hash = hash.wait(ctx);
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/base/job_context.h"

namespace graticule {

/// Of each file its name (without the folder: the same model has the same hash wherever it lies) and its own SHA-256.
/// Safe to use from several threads.
class ContentHash {
public:
    explicit ContentHash(std::span<const std::filesystem::path> files);
    ~ContentHash(); ///< stops what is computed, within milliseconds
    ContentHash(const ContentHash&) = delete;
    ContentHash& operator=(const ContentHash&) = delete;

    /// Milliseconds: files of at most 16 MB are read, larger ones looked for in the cache (core/io/hash_cache.h).
    void look_up();
    /// Computes in the background, one thread per file up to the number of processors, at low priority.
    void start();
    /// Empty: not yet. Throws Error{bad_input} naming the file when one cannot be read or has changed since the
    /// constructor noted it: what is hashed then is not what was opened.
    [[nodiscard]] std::optional<std::string> known() const;
    /// Starts if need be and waits; cancellable. Throws as known() does.
    [[nodiscard]] std::string wait(JobContext& ctx);

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace graticule
