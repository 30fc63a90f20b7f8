// What a quantization under way has made so far, in one file: after a cancel or a kill the next one of the same model,
// recipe, calibration, device and program takes the finished blocks from there and computes the others. A record per
// block, of several recipes in one pass one for each of them, with its length and hash behind it; what follows the last
// whole record counts as not written. For this program on this machine, no format to exchange: whatever is under another
// key is written over.
//
//     QuantizationJournal journal(file, key, of); // `key` says of what; journal_key() of core/engine/quantize.cpp
//     if (record < journal.records()) use(journal.read(record));
//     else { journal.add(linear); ... journal.end_record(); }
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/io/descriptor.h"
#include "core/result/quantized_model.h"

namespace graticule {

class QuantizationJournal {
public:
    /// Throws Error{bad_input} naming the file where it cannot be written, or where another process writes it.
    /// `of`: the same for who looks at the file, a line.
    QuantizationJournal(std::filesystem::path file, const std::string& key, const std::string& of);

    /// What there is in a file that perhaps another process writes, without reading its linears: `of` is empty where it
    /// is none.
    struct Look {
        std::string of;
        std::size_t records = 0;
    };
    [[nodiscard]] static Look look(const std::filesystem::path& file);

    /// How many are there, from the first on.
    [[nodiscard]] std::size_t records() const { return records_.size(); }
    /// Without `choice`, which follows from the recipe.
    [[nodiscard]] std::map<LayerId, QuantizedLinear> read(std::size_t record) const;
    /// To the record behind those that are there.
    void add(const QuantizedLinear& linear);
    void end_record(); ///< its linears are on the disk then

private:
    struct Record {
        std::int64_t begin = 0, bytes = 0;
    };
    [[nodiscard]] bool begins_with(const std::string& heading) const;
    void find_records();
    [[nodiscard]] bool is_whole(const Record& record) const;
    [[nodiscard]] std::string bytes_at(std::int64_t begin, std::int64_t bytes) const; ///< fewer at the file's end
    void write(const std::string& bytes);

    std::filesystem::path file_;
    Descriptor descriptor_; ///< locked
    std::int64_t end_ = 0;
    std::vector<Record> records_;
    std::string next_; ///< linears since the last record
};

} // namespace graticule
