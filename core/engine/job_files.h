// What a command reads and what it writes, told here before anything starts: an output is never an input, and no two
// outputs are one file, whatever they are called (compared by device and inode). Every command and the window declare
// their files here; nothing else decides about it.
//
//     JobFiles files(ctx.log);
//     files.reads("--text", "wiki.txt");
//     files.reads_model(*model);
//     files.writes("--csv", "layers.csv");          // Error{usage} where that is one of the others
//     ...; files.wrote("layers.csv");
//
// For as long as the object lives, its outputs are claimed (core/io/claim.h): no other process is let at them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/io/claim.h"
#include "core/io/output_file.h"

namespace graticule {

class Checkpoint;
class Model;

class JobFiles {
public:
    /// `tell` gets a line about what killed runs left beside an output, and what earlier ones kept there.
    explicit JobFiles(std::function<void(const std::string&)> tell = {});

    /// Where results are printed, if that is a file: the shell has opened it already, and it is an output like others.
    void writes_to_stream(const std::string& what, int descriptor);

    /// `what` is how messages call it, an option as a rule. An empty path, and one where nothing is, is no file. Each
    /// throws Error{usage} for a clash with what was declared before.
    void reads(const std::string& what, const std::filesystem::path& file);
    void reads_model(const Model& model); ///< its weights, configuration, tokenizer, and the files beside them
    /// Also what check_output_file and a claim throw.
    void writes(const std::string& what, const std::filesystem::path& file,
                WritingOrder order = WritingOrder::front_to_back);
    /// A folder that is replaced as a whole: nothing in it may be read.
    void writes_folder(const std::string& what, const std::filesystem::path& folder);

    void wrote(const std::filesystem::path& output) { written_.push_back(output); }
    [[nodiscard]] const std::vector<std::filesystem::path>& written() const { return written_; }

private:
    struct Identity {
        std::uint64_t device = 0, inode = 0;
        bool operator==(const Identity&) const = default;
    };
    struct Entry {
        std::string what;
        std::filesystem::path path;       ///< links followed
        std::optional<Identity> identity; ///< empty: not there yet
        bool folder = false;
    };

    [[nodiscard]] static std::optional<Identity> identity_of(const std::filesystem::path& path);
    [[nodiscard]] static bool lies_in(const Entry& file, const Entry& folder);
    [[nodiscard]] static bool same(const Entry& a, const Entry& b);
    void add_output(Entry entry);
    static void refuse(const Entry& output, const Entry& other, bool other_is_read);
    static void refuse_name_of(const Checkpoint& model, const Entry& output);
    void tell_leftovers(const std::filesystem::path& place);

    std::function<void(const std::string&)> tell_;
    std::vector<Entry> inputs_, outputs_;
    std::vector<std::filesystem::path> written_;
    std::vector<Claim> claims_;
    /// Still mapped when a failure is told: whether its files were cut short is then known (mapping_guard.h).
    std::shared_ptr<const Checkpoint> model_;
};

} // namespace graticule
