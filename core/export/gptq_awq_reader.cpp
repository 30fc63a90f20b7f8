#include "core/export/gptq_awq_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/cut_short.h"
#include "core/base/error.h"
#include "core/base/word_list.h"
#include "core/export/bit_packing.h"
#include "core/export/name_pattern.h"
#include "core/export/unknown_fields.h"

namespace graticule {
namespace {

using nlohmann::json;

std::vector<std::uint32_t> words_of(const HostTensor& tensor) { // stored tensors need not be aligned
    std::vector<std::uint32_t> words(tensor.bytes.size() / 4);
    std::memcpy(words.data(), tensor.bytes.data(), words.size() * 4);
    return words;
}

/// How the config says that weights are packed.
struct Packing {
    bool awq = false;
    int bits = 4;
    std::int64_t group = 0;    ///< inputs that share a scale; 0: all
    bool zero_less_one = true; ///< GPTQ's first format stores zero points less one
    bool permuted = false;     ///< GPTQ in activation order: which group an input is in is stored
    bool symmetric = false;    ///< GPTQ: zero points that are not stored are the middle of the codes

    [[nodiscard]] std::int64_t groups(std::int64_t inputs) const {
        return group > 0 ? (inputs + group - 1) / group : 1;
    }
    bool operator==(const Packing&) const = default;
};

/// One for all modules but those that a rule of "dynamic" takes.
struct Packings {
    struct Rule {
        std::string pattern;
        Packing packing;
    };
    Packing usual;
    std::vector<Rule> rules;

    /// The first rule that fits counts, by an order that the parsed file has lost: those that differ are refused.
    [[nodiscard]] const Packing& of_module(const std::string& name) const {
        const Rule* found = nullptr;
        for (const Rule& rule : rules) {
            if (!matches_at_start(rule.pattern, name, "the rule \"" + rule.pattern + "\" of \"dynamic\"")) continue;
            if (found != nullptr && found->packing != rule.packing)
                throw Error(ErrorKind::unsupported, "\"dynamic\" has two rules for " + name + ", \"" + found->pattern +
                                                        "\" and \"" + rule.pattern +
                                                        "\", that do not agree; keep one of them");
            found = &rule;
        }
        return found != nullptr ? found->packing : usual;
    }
};

/// Fields that change no weight, whatever their values: who wrote it and from what, how the codes were found, where
/// they run and how fast, and what is seen from the tensors (lm_head, modules_to_not_convert, zero_point).
constexpr std::string_view harmless_fields =
    "quant_method method meta model_name_or_path model_file_base_name model_seqlen autoround_version graticule "
    "dataset tokenizer batch_size nsamples seqlen iters lr minmax_lr enable_quanted_input enable_minmax_tuning mse "
    "damp_percent damp_auto_increment static_groups true_sequential hyb_act act_group_aware data_type "
    "block_name_to_quantize modules_in_block_to_quantize module_name_preceding_first_block "
    "max_input_length use_cuda_fp16 use_exllama disable_exllama exllama_config cache_block_outputs pad_token_id "
    "backend "
    "packing_format do_fuse fuse_max_seq_len modules_to_fuse lm_head modules_to_not_convert zero_point";
constexpr std::string_view read_fields =
    "bits w_bit group_size q_group_size version desc_act checkpoint_format format pack_dtype dynamic sym "
    "is_marlin_format adapter";
/// Those that a rule of "dynamic" may say otherwise.
constexpr std::string_view rule_fields = "bits group_size desc_act sym";

[[noreturn]] void unsupported(const std::string& what) { throw Error(ErrorKind::unsupported, what); }

std::string text_or(const json& config, const char* key, const char* fallback) {
    const auto found = config.find(key);
    return found != config.end() && found->is_string() ? found->get<std::string>() : fallback;
}

bool is_true(const json& config, const char* key) {
    const auto found = config.find(key);
    return found != config.end() && *found == true;
}

/// What modules may differ in.
void read_widths(const json& config, Packing& packing) {
    const auto bits = config.contains("bits") ? config.find("bits") : config.find("w_bit");
    if (bits == config.end() || !bits->is_number_integer())
        throw Error(ErrorKind::bad_input, std::string("\"bits\" is ") +
                                              (bits == config.end() ? "missing" : bits->dump() + ", not a number") +
                                              ", so the width of the codes is not known");
    const auto said = bits->get<std::int64_t>();
    if (said < 1 || said > 32) throw Error(ErrorKind::bad_input, "\"bits\" is " + std::to_string(said));
    packing.bits = static_cast<int>(said);
    if (packing.awq && packing.bits != 4)
        unsupported("AWQ with " + std::to_string(packing.bits) + " bits is not read; 4 are");
    if (packing.bits != 2 && packing.bits != 3 && packing.bits != 4 && packing.bits != 8)
        unsupported("GPTQ with " + std::to_string(packing.bits) + " bits is not read; 2, 3, 4 and 8 are");
    constexpr std::int64_t usual_group = 128; // of transformers, where the file does not say
    const auto group = config.contains("group_size") ? config.find("group_size") : config.find("q_group_size");
    const json size = group == config.end() || group->is_null() ? json(usual_group) : *group;
    if (!size.is_number_integer() || (size != -1 && size < 1))
        throw Error(ErrorKind::bad_input, "\"group_size\" is " + cut_short(size) +
                                              "; a whole number above 0 is expected, or -1 for all inputs");
    packing.group = size == -1 ? 0 : size.get<std::int64_t>();
    packing.permuted = !packing.awq && is_true(config, "desc_act");
    packing.symmetric = !packing.awq && is_true(config, "sym");
}

Packing read_usual(const json& config) {
    Packing packing;
    packing.awq = config.at("quant_method") == "awq";
    read_widths(config, packing);
    if (const std::string words = text_or(config, "pack_dtype", "int32"); words != "int32")
        unsupported("codes packed in " + words + " are not read; int32 is");
    if (const auto adapter = config.find("adapter"); adapter != config.end() && !adapter->is_null())
        unsupported("\"adapter\": low-rank terms beside the codes are not read; merge them");
    // Both say it under several names, depending on who wrote the file.
    const std::string usual = packing.awq ? "gemm" : "gptq";
    std::string format = text_or(config, "checkpoint_format", text_or(config, "format", usual.c_str()).c_str());
    if (packing.awq) format = text_or(config, "version", format.c_str());
    if (is_true(config, "is_marlin_format")) format = "marlin (is_marlin_format)";
    if (packing.awq && format != "gemm" && format != "GEMM")
        unsupported("AWQ's layout \"" + format + "\" is not read; gemm is. Pack the model again for it");
    if (!packing.awq && format != "gptq" && format != "gptq_v2")
        unsupported("GPTQ's layout \"" + format + "\" is not read; gptq and gptq_v2 are. Pack the model again for one");
    packing.zero_less_one = format == "gptq";
    return packing;
}

/// "dynamic": patterns of modules that are quantized otherwise ("+:", or nothing before them), or not at all ("-:").
Packings read_packings(const json& config) {
    Packings packings{read_usual(config), {}};
    const auto rules = config.find("dynamic");
    if (rules == config.end() || rules->is_null()) return packings;
    if (!rules->is_object()) throw Error(ErrorKind::bad_input, "\"dynamic\" is " + cut_short(*rules) + ", no object");
    for (const auto& [module, rule] : rules->items()) {
        if (module.starts_with("-:")) continue; // modules that are left in float need no rule to be read
        json merged = config;
        if (!rule.is_object()) throw Error(ErrorKind::bad_input, "\"dynamic\"." + module + " is no object");
        for (const auto& [field, value] : rule.items()) {
            const bool changes = lists(rule_fields, field);
            if (!changes && !lists(harmless_fields, field))
                unsupported("\"dynamic\"." + module + " has the field " + field + ", which is not read there");
            if (changes) merged[field] = value;
        }
        Packing packing = packings.usual;
        read_widths(merged, packing);
        packings.rules.push_back({module.starts_with("+:") ? module.substr(2) : module, packing});
    }
    return packings;
}

/// Read, or known to change nothing; false switches it off, whatever it is.
bool is_known(const std::string& field, const json& value) {
    return value == false || lists(harmless_fields, field) || lists(read_fields, field);
}

/// Eight codes per word, in the order in which AWQ's kernels unpack them.
std::vector<std::uint8_t> codes_of_awq(std::span<const std::uint32_t> words) {
    static constexpr std::array<std::size_t, 8> column_of_nibble = {0, 2, 4, 6, 1, 3, 5, 7};
    std::vector<std::uint8_t> codes(8 * words.size());
    for (std::size_t word = 0; word < words.size(); ++word)
        for (std::size_t nibble = 0; nibble < 8; ++nibble)
            codes[8 * word + column_of_nibble[nibble]] = static_cast<std::uint8_t>(words[word] >> (4 * nibble) & 15);
    return codes;
}

/// Rows of a weight whose codes are stored the other way round: an input's codes for all outputs beside each other.
/// Holds views of the file.
class TurnedCodes final : public EncodedRows {
public:
    /// `scales` (groups, out), `zeros` likewise, `group_of` each input.
    TurnedCodes(const Packing& packing, HostTensor words, HostTensor scales, std::vector<std::uint8_t> zeros,
                std::vector<std::int32_t> group_of)
        : packing_(packing)
        , words_(std::move(words))
        , scales_(std::move(scales))
        , zeros_(std::move(zeros))
        , group_of_(std::move(group_of)) {}

    void decode(std::int64_t first, std::int64_t count, float* out) const override {
        // A word holds eight outputs of AWQ, and few rows at a time keep what is written in the cache.
        constexpr std::int64_t rows_at_once = 64;
        const std::vector<float> scales = to_floats(scales_);
        for (std::int64_t done = 0; done < count;) {
            const std::int64_t begin = (first + done) / 8 * 8;
            const std::int64_t rows = std::min(count - done, begin + rows_at_once - (first + done));
            decode_some(first + done, rows, begin, scales, out + done * std::ssize(group_of_));
            done += rows;
        }
    }

private:
    /// Columns [begin, begin + width) of the stored words.
    [[nodiscard]] std::vector<std::uint32_t> columns(std::int64_t begin, std::int64_t width) const {
        const std::int64_t rows = words_.shape[0], stride = words_.shape[1];
        std::vector<std::uint32_t> words(static_cast<std::size_t>(rows * width));
        for (std::int64_t row = 0; row < rows; ++row)
            std::memcpy(words.data() + row * width, words_.bytes.data() + 4 * (row * stride + begin),
                        4 * static_cast<std::size_t>(width));
        return words;
    }

    /// `begin`: the multiple of eight at or below `first`.
    void decode_some(std::int64_t first, std::int64_t count, std::int64_t begin, const std::vector<float>& scales,
                     float* out) const {
        const std::int64_t inputs = std::ssize(group_of_), outputs = scales_.shape[1];
        const std::int64_t width = packing_.awq ? (first + count - begin + 7) / 8 * 8 : count;
        const std::int64_t skipped = packing_.awq ? first - begin : 0;
        const std::vector<std::uint8_t> codes =
            packing_.awq ? codes_of_awq(columns(begin / 8, width / 8))
                         : unpack_columns(columns(first, count), inputs, count, packing_.bits);
        for (std::int64_t k = 0; k < inputs; ++k) {
            const std::int64_t cells = group_of_[static_cast<std::size_t>(k)] * outputs + first;
            for (std::int64_t row = 0; row < count; ++row) {
                const auto cell = static_cast<std::size_t>(cells + row);
                const int code = codes[static_cast<std::size_t>(k * width + skipped + row)];
                out[row * inputs + k] = scales[cell] * static_cast<float>(code - zeros_[cell]);
            }
        }
    }

    Packing packing_;
    HostTensor words_, scales_;
    std::vector<std::uint8_t> zeros_;
    std::vector<std::int32_t> group_of_;
};

class DecodedCheckpoint final : public Checkpoint {
public:
    DecodedCheckpoint(std::shared_ptr<const Checkpoint> stored, Packings packings, std::vector<std::string> warnings)
        : stored_(std::move(stored))
        , packings_(std::move(packings))
        , warnings_(stored_->warnings()) {
        warnings_.insert(warnings_.end(), warnings.begin(), warnings.end());
        for (const std::string& name : stored_->tensor_names()) {
            if (name.ends_with(".act.scales"))
                unsupported("tensor \"" + name +
                            "\": scales between an activation and the linear behind it (AWQ's "
                            "ScaledActivation) are not done");
            if (name.ends_with(".qweight")) {
                names_.push_back(name.substr(0, name.size() - std::strlen("qweight")) + "weight");
            } else {
                const auto dot = name.rfind('.');
                const std::string base = dot == std::string::npos ? name : name.substr(0, dot);
                const std::string part = dot == std::string::npos ? "" : name.substr(dot);
                const bool of_codes = part == ".qzeros" || part == ".scales" || part == ".g_idx";
                if (!of_codes || !stored_->contains(base + ".qweight")) names_.push_back(name);
            }
        }
        known_.insert(names_.begin(), names_.end());
    }

    [[nodiscard]] std::vector<std::string> tensor_names() const override { return names_; }
    [[nodiscard]] bool contains(const std::string& name) const override { return known_.contains(name); }
    [[nodiscard]] const std::string& config_json() const override { return stored_->config_json(); }
    [[nodiscard]] std::filesystem::path folder() const override { return stored_->folder(); }
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return stored_->files(); }
    [[nodiscard]] std::vector<std::string> warnings() const override { return warnings_; }
    [[nodiscard]] std::string container() const override {
        return stored_->container() + ", " + format() + " decoded to f32";
    }
    [[nodiscard]] std::optional<StoredQuantization> stored_quantization() const override {
        return StoredQuantization{format(), false, {}};
    }
    [[nodiscard]] std::filesystem::path file_of(const std::string& name) const override {
        return stored_->file_of(stored_->contains(name) ? name : base_of(name) + ".qweight");
    }
    [[nodiscard]] std::int64_t stored_bytes(const std::string& name) const override {
        if (stored_->contains(name)) return stored_->stored_bytes(name);
        std::int64_t bytes = 0;
        for (const char* part : {".qweight", ".qzeros", ".scales", ".g_idx"})
            if (stored_->contains(base_of(name) + part)) bytes += stored_->stored_bytes(base_of(name) + part);
        return bytes;
    }
    [[nodiscard]] std::shared_ptr<const Tokenizer> tokenizer() const override { return stored_->tokenizer(); }

    [[nodiscard]] HostTensor tensor(const std::string& name) const override {
        const std::string base = base_of(name);
        if (base.empty() || !stored_->contains(base + ".qweight")) return stored_->tensor(name);
        const Packing& packing = packings_.of_module(base);
        const HostTensor scales = part(base + ".scales");
        HostTensor words = packed(base + ".qweight");
        if (scales.shape.size() != 2 || row_of(scales.dtype).decode == nullptr)
            refuse(base + ".scales", "must be a matrix of numbers, groups by outputs");
        const std::int64_t groups = scales.shape[0], out = scales.shape[1];
        const std::int64_t in = packing.awq ? words.shape[0] : words.shape[0] * 32 / packing.bits;
        const Shape expected =
            packing.awq ? Shape{in, packed_words(out, 4)} : Shape{packed_words(in, packing.bits), out};
        if (words.shape != expected || out * packing.bits % 32 != 0)
            refuse(base + ".qweight", to_text(words.shape) + " does not hold " + std::to_string(packing.bits) +
                                          "-bit codes for the scales " + to_text(scales.shape));
        if (groups != packing.groups(in))
            refuse(base + ".scales", to_text(scales.shape) + " are not the scales of " + std::to_string(in) +
                                         " inputs (as many " + std::to_string(packing.bits) +
                                         "-bit codes has qweight) in groups of " +
                                         (packing.group > 0 ? std::to_string(packing.group) : "all inputs") +
                                         ": \"bits\" or \"group_size\" of the configuration is not what was stored");
        to_floats(scales, 0, 0, nullptr); // throws as decoding would
        const std::span<const std::byte> bytes = words.bytes;
        auto encoded =
            std::make_shared<const TurnedCodes>(packing, std::move(words), scales, zeros_of(packing, base, groups, out),
                                                groups_of(packing, base, in, groups));
        return {DType::encoded, {out, in}, encoded, bytes, encoded};
    }

private:
    [[noreturn]] void refuse(const std::string& name, const std::string& text) const {
        throw Error(ErrorKind::bad_input, stored_->file_of(name).string() + ": " + name + ": " + text);
    }
    [[nodiscard]] std::string format() const {
        const Packing& usual = packings_.usual;
        return std::string(usual.awq ? "AWQ" : "GPTQ") + " " + std::to_string(usual.bits) + "-bit";
    }
    static std::string base_of(const std::string& name) {
        return name.ends_with(".weight") ? name.substr(0, name.size() - std::strlen(".weight")) : std::string();
    }
    [[nodiscard]] HostTensor part(const std::string& name) const {
        if (!stored_->contains(name)) refuse(name, "is missing beside the codes; the checkpoint is incomplete");
        return stored_->tensor(name);
    }
    [[nodiscard]] HostTensor packed(const std::string& name) const {
        HostTensor words = part(name);
        if (words.dtype != DType::i32 || words.shape.size() != 2)
            refuse(name, "is " + std::string(row_of(words.dtype).name) + " " + to_text(words.shape) +
                             "; a matrix of I32 words is expected");
        return words;
    }

    /// The group of each input: as stored (GPTQ in activation order), else one after another.
    [[nodiscard]] std::vector<std::int32_t> groups_of(const Packing& packing, const std::string& base, std::int64_t in,
                                                      std::int64_t groups) const {
        std::vector<std::int32_t> all(static_cast<std::size_t>(in));
        const std::int64_t size = packing.group > 0 ? packing.group : in;
        const std::string name = base + ".g_idx";
        if (!packing.awq && stored_->contains(name)) {
            const HostTensor stored = stored_->tensor(name);
            if (stored.dtype != DType::i32 || element_count(stored.shape) != in)
                refuse(name, "must be " + std::to_string(in) + " I32 numbers, the group of each input");
            std::memcpy(all.data(), stored.bytes.data(), all.size() * sizeof all.front());
        } else {
            if (packing.permuted && groups > 1)
                refuse(name, "is missing, and \"desc_act\" is true: which group an input is in is not known; the "
                             "checkpoint is incomplete");
            for (std::int64_t k = 0; k < in; ++k)
                all[static_cast<std::size_t>(k)] = static_cast<std::int32_t>(k / size);
        }
        for (std::size_t k = 0; k < all.size(); ++k)
            if (all[k] < 0 || all[k] >= groups)
                refuse(base + ".scales", "has " + std::to_string(groups) + " groups, but input " + std::to_string(k) +
                                             " is in group " + std::to_string(all[k]));
        return all;
    }

    /// (groups, out), one byte each. Absent: the middle of the codes, where the configuration says that they all are.
    [[nodiscard]] std::vector<std::uint8_t> zeros_of(const Packing& packing, const std::string& base,
                                                     std::int64_t groups, std::int64_t out) const {
        const std::string name = base + ".qzeros";
        std::vector<std::uint8_t> zeros(static_cast<std::size_t>(groups * out),
                                        static_cast<std::uint8_t>(1 << (packing.bits - 1)));
        if (!packing.symmetric) static_cast<void>(part(name)); // must be there
        if (!stored_->contains(name)) return zeros;
        const HostTensor words = packed(name);
        if (words.shape != Shape{groups, packed_words(out, packing.bits)})
            refuse(name, to_text(words.shape) + " does not hold zero points for " + std::to_string(groups) +
                             " groups of " + std::to_string(out) + " outputs");
        if (packing.awq) return codes_of_awq(words_of(words));
        unpack_rows(words_of(words), groups, out, packing.bits, zeros);
        if (!packing.zero_less_one) return zeros;
        for (std::uint8_t& zero : zeros)
            if (++zero >> packing.bits != 0 || zero == 0)
                throw Error(
                    ErrorKind::unsupported,
                    stored_->file_of(name).string() + ": " + name +
                        ": a zero point of 0 was stored less one, "
                        "which wraps around and spoils its neighbours; readers differ on what it means. Quantize "
                        "symmetrically, or save as gptq_v2");
        return zeros;
    }

    std::shared_ptr<const Checkpoint> stored_;
    Packings packings_;
    std::vector<std::string> warnings_, names_;
    std::set<std::string> known_;
};

} // namespace

std::shared_ptr<const Checkpoint> decode_gptq_awq(std::shared_ptr<const Checkpoint> stored, const json& config) {
    return std::make_shared<DecodedCheckpoint>(std::move(stored), read_packings(config),
                                               unknown_fields(config, is_known));
}

} // namespace graticule
