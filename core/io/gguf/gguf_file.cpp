#include "core/io/gguf/gguf_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/base/error.h"
#include "core/io/mapped_file.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

constexpr std::uint64_t max_entries = 1'000'000;
constexpr std::uint64_t max_text_bytes = std::uint64_t{16} << 20;
constexpr std::size_t max_name_bytes = 64; // what ggml has room for
constexpr std::uint64_t min_alignment = 8, max_alignment = 65536, default_alignment = 32;

struct TypeName {
    std::int32_t id;
    std::string_view name;
};

// Types that exist, or that llama.cpp once had, but are not decoded here: for the message.
constexpr auto removed_types = std::to_array<TypeName>({{4, "Q4_2"},
                                                        {5, "Q4_3"},
                                                        {31, "Q4_0_4_4"},
                                                        {32, "Q4_0_4_8"},
                                                        {33, "Q4_0_8_8"},
                                                        {36, "IQ4_NL_4_4"},
                                                        {37, "IQ4_NL_4_8"},
                                                        {38, "IQ4_NL_8_8"}});
constexpr auto other_types = std::to_array<TypeName>({{9, "Q8_1"},
                                                      {15, "Q8_K"},
                                                      {16, "IQ2_XXS"},
                                                      {17, "IQ2_XS"},
                                                      {18, "IQ3_XXS"},
                                                      {19, "IQ1_S"},
                                                      {21, "IQ3_S"},
                                                      {22, "IQ2_S"},
                                                      {24, "I8"},
                                                      {25, "I16"},
                                                      {26, "I32"},
                                                      {27, "I64"},
                                                      {28, "F64"},
                                                      {29, "IQ1_M"},
                                                      {34, "TQ1_0"},
                                                      {35, "TQ2_0"},
                                                      {41, "Q1_0"},
                                                      {42, "Q2_0"}});
// Of the fork ik_llama.cpp, which llama.cpp does not read either.
constexpr auto fork_types = std::to_array<TypeName>({{133, "Q6_0"},
                                                     {134, "IQ1_BN"},
                                                     {135, "IQ2_BN"},
                                                     {137, "IQ2_K"},
                                                     {138, "IQ3_K"},
                                                     {139, "IQ4_K"},
                                                     {140, "IQ5_K"},
                                                     {141, "IQ6_K"},
                                                     {144, "IQ4_KS"},
                                                     {145, "IQ2_KS"},
                                                     {146, "IQ4_KSS"},
                                                     {152, "IQ5_KS"},
                                                     {153, "IQ2_KT"},
                                                     {154, "IQ3_KT"},
                                                     {155, "IQ4_KT"},
                                                     {156, "IQ3_KS"},
                                                     {157, "IQ2_KL"},
                                                     {158, "IQ1_KT"}});
constexpr std::int32_t most_type = 1023; ///< beyond it, it is no number of a type

} // namespace

/// Reads front to back; every length is compared with what is left of the file before anything is done with it.
class GgufParser {
public:
    GgufParser(std::span<const std::byte> bytes, GgufFile& file)
        : bytes_(bytes)
        , file_(file) {}

    void parse() {
        file_.metadata_.file_ = file_.path_.string();
        const auto [tensors, entries] = header();
        for (std::uint64_t i = 0; i < entries; ++i) metadata_entry();
        const std::uint64_t alignment = checked_alignment();
        std::vector<std::uint64_t> offsets;
        for (std::uint64_t i = 0; i < tensors; ++i) offsets.push_back(tensor_entry());
        place_tensors(offsets, alignment);
    }

private:
    [[noreturn]] void bad(const std::string& what) const {
        throw Error(ErrorKind::bad_input, file_.path_.string() + ": " + what +
                                              "; the file is truncated or damaged: download it again, or convert the "
                                              "model again with llama.cpp's convert_hf_to_gguf.py");
    }
    [[noreturn]] void unsupported(const std::string& what) const {
        throw Error(ErrorKind::unsupported, file_.path_.string() + ": " + what);
    }

    std::span<const std::byte> take(std::uint64_t count, const std::string& what) {
        if (count > bytes_.size() - at_)
            bad(what + " of " + std::to_string(count) + " bytes at offset " + std::to_string(at_) +
                " goes beyond the end of the file at " + std::to_string(bytes_.size()));
        const auto taken = bytes_.subspan(at_, count);
        at_ += count;
        return taken;
    }

    template <class T>
    T number(const std::string& what) {
        T value;
        std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
        return value;
    }

    std::string text(const std::string& what, std::uint64_t most) {
        const auto length = number<std::uint64_t>(what);
        if (length > most)
            bad(what + " of " + std::to_string(length) + " bytes; at most " + std::to_string(most) + " are read");
        const auto taken = take(length, what);
        return {reinterpret_cast<const char*>(taken.data()), taken.size()};
    }

    /// A count of things that take at least `smallest` bytes each: more than fit in the rest of the file is a lie.
    std::uint64_t checked_count(std::uint64_t count, std::uint64_t smallest, const std::string& what) const {
        if (count > max_entries || count > (bytes_.size() - at_) / smallest)
            bad(std::to_string(count) + " " + what + " in a file of " + std::to_string(bytes_.size()) + " bytes");
        return count;
    }

    std::pair<std::uint64_t, std::uint64_t> header() {
        const auto magic = take(4, "the magic number");
        if (std::memcmp(magic.data(), "GGUF", 4) != 0) bad("not a GGUF file: it does not start with \"GGUF\"");
        file_.version_ = number<std::uint32_t>("the version");
        if ((file_.version_ & 0xFFFF) == 0) unsupported("a big-endian GGUF file; only little-endian ones are read");
        if (file_.version_ != 2 && file_.version_ != 3)
            unsupported("GGUF version " + std::to_string(file_.version_) + "; versions 2 and 3 are read");
        const auto tensors = number<std::uint64_t>("the number of tensors");
        const auto entries = number<std::uint64_t>("the number of metadata entries");
        return {checked_count(tensors, 24, "tensors"), checked_count(entries, 13, "metadata entries")};
    }

    GgufKind kind(const std::string& what) {
        const auto id = number<std::int32_t>(what);
        if (id < 0 || id > static_cast<std::int32_t>(GgufKind::f64))
            bad(what + " has the unknown value type " + std::to_string(id));
        return static_cast<GgufKind>(id);
    }

    void metadata_entry() {
        const std::string key = text("a metadata key", max_text_bytes);
        const std::string what = "metadata \"" + key + "\"";
        if (key.empty() || first_invalid_utf8(key)) bad("a metadata key that is empty or not UTF-8");
        GgufMetadata::Value value;
        value.kind = kind(what);
        if (value.kind == GgufKind::array) {
            value.element = kind(what);
            value.count = number<std::uint64_t>(what);
            if (value.element == GgufKind::array) bad(what + " is an array of arrays, which the format does not have");
        }
        const GgufKind element = value.kind == GgufKind::array ? value.element : value.kind;
        const std::uint64_t smallest = element == GgufKind::text ? 8 : row_of(element).size;
        if (value.count > (bytes_.size() - at_) / smallest)
            bad(what + " has " + std::to_string(value.count) + " elements, more than the rest of the file can hold");
        const std::size_t begin = at_;
        if (element == GgufKind::text) {
            for (std::uint64_t i = 0; i < value.count; ++i) skip_text(what);
        } else {
            take(value.count * smallest, what);
        }
        value.bytes = bytes_.subspan(begin, at_ - begin);
        if (!file_.metadata_.values_.emplace(key, value).second) bad(what + " occurs twice");
    }

    void skip_text(const std::string& what) {
        const auto length = number<std::uint64_t>(what);
        if (length > max_text_bytes) bad(what + ": a text of " + std::to_string(length) + " bytes");
        take(length, what);
    }

    std::uint64_t checked_alignment() const {
        const std::uint64_t alignment = file_.metadata_.whole("general.alignment").value_or(default_alignment);
        if (alignment < min_alignment || alignment > max_alignment || (alignment & (alignment - 1)) != 0)
            bad("general.alignment is " + std::to_string(alignment) + ", not a power of two from 8 to 65536");
        return alignment;
    }

    /// Returns the offset that the file states.
    std::uint64_t tensor_entry() {
        GgufTensor tensor;
        tensor.name = text("a tensor name", max_name_bytes);
        const std::string what = "tensor \"" + tensor.name + "\"";
        if (tensor.name.empty() || first_invalid_utf8(tensor.name)) bad("a tensor name that is empty or not UTF-8");
        const auto dimensions = number<std::uint32_t>(what);
        if (dimensions < 1 || dimensions > 4)
            bad(what + " has " + std::to_string(dimensions) + " dimensions; 1 to 4 are possible");
        for (std::uint32_t i = 0; i < dimensions; ++i) {
            const auto extent = number<std::uint64_t>(what);
            if (extent == 0 || extent > static_cast<std::uint64_t>(INT64_MAX))
                bad(what + " has an extent of " + std::to_string(extent));
            tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(extent));
        }
        const auto type = number<std::int32_t>(what);
        const auto dtype = dtype_from_gguf(type);
        if (!dtype) unknown_type(what, type);
        tensor.dtype = *dtype;
        const auto offset = number<std::uint64_t>(what);
        if (!file_.index_.emplace(tensor.name, file_.tensors_.size()).second) bad(what + " occurs twice");
        file_.tensors_.push_back(std::move(tensor));
        return offset;
    }

    static inline const std::string types_read =
        "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, IQ4_NL, IQ4_XS, MXFP4 and NVFP4";
    [[noreturn]] void unknown_type(const std::string& what, std::int32_t type) const {
        for (const TypeName& removed : removed_types)
            if (removed.id == type)
                unsupported(what + " is " + std::string(removed.name) +
                            ", which llama.cpp itself no longer reads; quantize the model again, to Q4_0 or Q4_K for "
                            "example");
        for (const TypeName& other : other_types)
            if (other.id == type)
                unsupported(what + " is " + std::string(other.name) + ", which is not read; " + types_read + " are");
        for (const TypeName& fork : fork_types)
            if (fork.id == type)
                unsupported(what + " is " + std::string(fork.name) +
                            " of ik_llama.cpp, which llama.cpp does not read either; quantize the model again, to Q4_K "
                            "for example");
        if (type > 0 && type <= most_type)
            unsupported(what + " has the type " + std::to_string(type) +
                        ", which this program does not know: that of a newer llama.cpp, or of a fork; " + types_read +
                        " are read");
        bad(what + " has the unknown type " + std::to_string(type));
    }

    std::uint64_t bytes_of(const GgufTensor& tensor) const {
        const std::string what = "tensor \"" + tensor.name + "\" " + to_text(tensor.shape);
        const DTypeRow& row = row_of(tensor.dtype);
        if (tensor.shape.back() % row.block_elements != 0)
            bad(what + ": its rows are not whole blocks of " + std::to_string(row.block_elements) + " " +
                std::string(row.name) + " elements");
        std::uint64_t bytes = static_cast<std::uint64_t>(row.block_bytes);
        std::uint64_t elements = 1;
        for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
            auto extent = static_cast<std::uint64_t>(tensor.shape[i]);
            bool overflow =
                __builtin_mul_overflow(elements, extent, &elements) || elements > static_cast<std::uint64_t>(INT64_MAX);
            if (i + 1 == tensor.shape.size()) extent /= static_cast<std::uint64_t>(row.block_elements);
            overflow = overflow || __builtin_mul_overflow(bytes, extent, &bytes) ||
                       bytes > static_cast<std::uint64_t>(INT64_MAX);
            if (overflow) bad(what + " overflows");
        }
        return bytes;
    }

    void place_tensors(const std::vector<std::uint64_t>& offsets, std::uint64_t alignment) {
        if (offsets.empty()) return; // a file with a vocabulary only
        const std::uint64_t start = (at_ + alignment - 1) / alignment * alignment;
        std::uint64_t expected = 0; // tensors follow each other in list order, padded: no holes, no overlaps
        for (std::size_t i = 0; i < offsets.size(); ++i) {
            GgufTensor& tensor = file_.tensors_[i];
            const std::string what = "tensor \"" + tensor.name + "\"";
            const std::uint64_t bytes = bytes_of(tensor);
            if (offsets[i] != expected)
                bad(what + " is said to start at byte " + std::to_string(offsets[i]) +
                    " of the data, but the one before it ends at " + std::to_string(expected));
            if (start > bytes_.size() || bytes > bytes_.size() - start || expected > bytes_.size() - start - bytes)
                bad(what + ": its " + std::to_string(bytes) + " bytes go beyond the end of the file");
            tensor.bytes = bytes_.subspan(start + expected, bytes);
            expected += (bytes + alignment - 1) / alignment * alignment;
        }
    }

    std::span<const std::byte> bytes_;
    GgufFile& file_;
    std::size_t at_ = 0;
};

std::shared_ptr<const GgufFile> GgufFile::open(const std::filesystem::path& path) {
    const auto file = MappedFile::open(path);
    return from_bytes(file->bytes(), file, path);
}

std::shared_ptr<const GgufFile> GgufFile::from_bytes(std::span<const std::byte> bytes,
                                                     std::shared_ptr<const void> owner,
                                                     const std::filesystem::path& name) {
    const std::shared_ptr<GgufFile> file(new GgufFile);
    file->path_ = name;
    file->owner_ = std::move(owner);
    GgufParser(bytes, *file).parse();
    return file;
}

const GgufTensor* GgufFile::find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &tensors_[found->second];
}

} // namespace graticule
