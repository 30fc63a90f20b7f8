#include "core/io/text/tokenizer_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/cut_short.h"
#include "core/base/error.h"
#include "core/io/json_file.h"
#include "core/io/text/json_components.h"
#include "core/io/text/pipeline_tokenizer.h"

namespace graticule {
namespace {

using nlohmann::json;

constexpr std::size_t max_file_bytes = std::size_t{256} << 20;
constexpr std::uint64_t max_id = 4'000'000;
constexpr std::size_t max_merges = 8'000'000;
constexpr std::size_t max_added = 1'000'000;
constexpr std::size_t max_token_bytes = std::size_t{64} << 10;

class Reader {
public:
    Reader(json document, std::string name, const TokenizerConfig& config)
        : owner_(std::move(document))
        , name_(std::move(name))
        , config_(config) {
        if (!document_.is_object()) bad("not a JSON object");
    }

    TokenizerParts read() {
        const auto version = document_.find("version");
        if (version != document_.end() && *version != "1.0") unsupported("version " + version->dump());
        bool byte_level = false;
        read_model();
        if (const json* value = component("normalizer"))
            read_normalizer({*value, name_ + ": normalizer"}, parts_.normalizers);
        if (const json* value = component("pre_tokenizer"))
            read_pre_tokenizer({*value, name_ + ": pre_tokenizer"}, parts_.pre_tokenizers, byte_level);
        if (const json* value = component("decoder")) read_decoder({*value, name_ + ": decoder"}, parts_.decoders);
        read_added_tokens();
        bool template_seen = false;
        if (const json* value = component("post_processor"))
            read_post_processor({*value, name_ + ": post_processor"}, template_seen);
        find_special_tokens(template_seen);
        note_another_prefix();
        parts_.kind = byte_level ? "byte-level BPE" : byte_fallback_ ? "BPE with byte fallback" : "BPE";
        parts_.origin = "tokenizer.json";
        parts_.file = name_;
        return std::move(parts_);
    }

private:
    [[noreturn]] void bad(const std::string& what) const { throw Error(ErrorKind::bad_input, name_ + ": " + what); }
    [[noreturn]] void unsupported(const std::string& what) const {
        throw Error(ErrorKind::unsupported, name_ + ": " + what + " is not supported; the token ids would be wrong");
    }

    const json* component(const char* key) const {
        const auto found = document_.find(key);
        return found == document_.end() || found->is_null() ? nullptr : &*found;
    }

    bool flag(const json& object, const char* key) const {
        const auto found = object.find(key);
        if (found == object.end() || found->is_null()) return false;
        if (!found->is_boolean()) bad(std::string("\"") + key + "\" is neither true nor false");
        return found->get<bool>();
    }

    void read_model() {
        const json* model = component("model");
        if (model == nullptr || !model->is_object()) bad("no \"model\" object");
        const std::string type = model->contains("type") && (*model)["type"].is_string()
                                     ? (*model)["type"].get<std::string>()
                                 : model->contains("merges") ? "BPE" // files of old versions do not say
                                                             : "(none)";
        if (type != "BPE") unsupported("a model of type \"" + type + "\"");
        if (const auto dropout = model->find("dropout");
            dropout != model->end() && !dropout->is_null() && *dropout != 0.0)
            unsupported("BPE with dropout " + dropout->dump());
        for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
            if (const auto found = model->find(affix); found != model->end() && !found->is_null() && *found != "")
                unsupported(std::string("BPE with the ") + affix + " " + found->dump());
        BpeSpec spec;
        spec.tokens = read_vocabulary(*model);
        spec.merges = read_merges(*model);
        if (const auto unknown = model->find("unk_token"); unknown != model->end() && unknown->is_string())
            spec.unknown_token = unknown->get<std::string>();
        spec.fuse_unknown = flag(*model, "fuse_unk");
        spec.byte_fallback = byte_fallback_ = flag(*model, "byte_fallback");
        spec.ignore_merges = flag(*model, "ignore_merges");
        parts_.model = make_bpe_model(std::move(spec), name_);
    }

    std::vector<std::string> read_vocabulary(const json& model) {
        const auto found = model.find("vocab");
        if (found == model.end() || !found->is_object()) bad("the BPE model has no \"vocab\" object");
        std::vector<std::string> tokens;
        tokens.reserve(found->size());
        // Ids may have gaps, but a short list of huge ids must not become a long table of nothing.
        const std::uint64_t largest = std::min<std::uint64_t>(max_id, 4 * found->size() + 65536);
        for (const auto& [token, id] : found->items()) {
            if (token.size() > max_token_bytes) bad("a token of " + std::to_string(token.size()) + " bytes");
            if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= largest)
                bad("token \"" + token + "\" has the id " + id.dump() + ", which is not a whole number below " +
                    std::to_string(largest));
            const auto index = id.get<std::size_t>();
            if (index >= tokens.size()) tokens.resize(index + 1);
            if (!tokens[index].empty())
                bad("tokens \"" + tokens[index] + "\" and \"" + token + "\" have the same id " + id.dump());
            tokens[index] = token;
        }
        vocabulary_entries_ = found->size();
        return tokens;
    }

    std::vector<std::pair<std::string, std::string>> read_merges(const json& model) const {
        const auto found = model.find("merges");
        if (found == model.end() || !found->is_array()) bad("the BPE model has no \"merges\" list");
        if (found->size() > max_merges) bad(std::to_string(found->size()) + " merges");
        std::vector<std::pair<std::string, std::string>> merges;
        merges.reserve(found->size());
        for (const json& merge : *found) {
            if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
                merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
                continue;
            }
            const std::string text = merge.is_string() ? merge.get<std::string>() : "";
            const auto space = text.find(' ');
            if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
                bad("merge " + merge.dump() + " is not two tokens");
            merges.emplace_back(text.substr(0, space), text.substr(space + 1));
        }
        return merges;
    }

    void read_added_tokens() {
        const json* list = component("added_tokens");
        if (list == nullptr) return;
        if (!list->is_array()) bad("\"added_tokens\" is not a list");
        if (list->size() > max_added) bad(std::to_string(list->size()) + " added tokens");
        std::uint64_t next_free = std::max<std::uint64_t>(vocabulary_entries_, 0);
        for (const json& entry : *list) {
            if (!entry.is_object() || !entry.contains("content") || !entry["content"].is_string() ||
                !entry.contains("id") || !entry["id"].is_number_unsigned())
                bad("an added token without \"content\" and \"id\": " + entry.dump());
            AddedToken token;
            token.content = entry["content"].get<std::string>();
            const auto in_vocabulary = parts_.model->id_of(token.content);
            // The reference library ignores the file's id for a token that is not in the vocabulary and numbers on.
            const std::uint64_t id = in_vocabulary ? static_cast<std::uint64_t>(*in_vocabulary) : next_free;
            if (entry["id"].get<std::uint64_t>() != id)
                bad("added token \"" + token.content + "\" is said to have the id " + entry["id"].dump() +
                    ", but the tokenizers library gives it " + std::to_string(id));
            token.id = static_cast<std::int32_t>(id);
            next_free = std::max(next_free, id + 1);
            token.special = flag(entry, "special");
            token.normalized = flag(entry, "normalized");
            token.strip_left = flag(entry, "lstrip");
            token.strip_right = flag(entry, "rstrip");
            token.single_word = flag(entry, "single_word");
            parts_.added.push_back(std::move(token));
        }
    }

    void read_post_processor(const JsonComponent& processor, bool& template_seen) {
        if (processor.type() == "Sequence") {
            for (const JsonComponent& child : processor.children("processors"))
                read_post_processor(child, template_seen);
        } else if (processor.type() == "TemplateProcessing") {
            if (template_seen) processor.unsupported("a second template");
            template_seen = true;
            read_template(processor);
        } else if (processor.type() == "BertProcessing" || processor.type() == "RobertaProcessing") {
            if (template_seen) processor.unsupported("a second template");
            template_seen = true;
            parts_.prefix.push_back(id_of_pair(processor, "cls"));
            parts_.suffix.push_back(id_of_pair(processor, "sep"));
        } else if (processor.type() != "ByteLevel") { // that one only moves offsets
            processor.unsupported("this post-processor");
        }
    }

    /// ["<s>", 0]
    static std::int32_t id_of_pair(const JsonComponent& processor, const char* key) {
        const json& pair = processor.member(key);
        if (!pair.is_array() || pair.size() != 2 || !pair[1].is_number_unsigned() ||
            pair[1].get<std::uint64_t>() >= max_id)
            processor.bad("\"" + std::string(key) + "\" is " + cut_short(pair) + ", no token and its id");
        return pair[1].get<std::int32_t>();
    }

    void read_template(const JsonComponent& processor) {
        const json& items = processor.member("single");
        const json& special = processor.member("special_tokens");
        if (!items.is_array() || !special.is_object())
            processor.bad("\"single\" or \"special_tokens\" has the wrong type");
        bool text_seen = false;
        for (const json& item : items) {
            if (item.is_object() && item.contains("Sequence")) {
                if (text_seen) processor.unsupported("a template that repeats the text");
                text_seen = true;
                continue;
            }
            if (!item.is_object() || !item.contains("SpecialToken") || !item["SpecialToken"].is_object())
                processor.bad("an item of the template is neither a Sequence nor a SpecialToken: " + item.dump());
            const json& token = item["SpecialToken"];
            const std::string id =
                token.contains("id") && token["id"].is_string() ? token["id"].get<std::string>() : "";
            const auto entry = special.find(id);
            if (entry == special.end() || !entry->is_object() || !entry->contains("ids") || !(*entry)["ids"].is_array())
                processor.bad("the template uses \"" + id + "\", which \"special_tokens\" does not define");
            for (const json& number : (*entry)["ids"]) {
                if (!number.is_number_unsigned() || number.get<std::uint64_t>() >= max_id)
                    processor.bad("\"" + id + "\" has the id " + number.dump());
                (text_seen ? parts_.suffix : parts_.prefix).push_back(number.get<std::int32_t>());
            }
        }
        if (!text_seen) processor.bad("the template leaves the text out");
    }

    std::optional<std::int32_t> id_of(const std::optional<std::string>& token) const {
        if (!token) return std::nullopt;
        for (const AddedToken& added : parts_.added)
            if (added.content == *token) return added.id;
        return parts_.model->id_of(*token);
    }

    void find_special_tokens(bool template_seen) {
        parts_.bos = config_.bos_token ? id_of(config_.bos_token) : config_.bos_id;
        parts_.eos = config_.eos_token ? id_of(config_.eos_token) : config_.eos_id;
        if (!parts_.bos && !parts_.prefix.empty()) parts_.bos = parts_.prefix.front();
        // transformers 5 goes by this file alone, too, whatever the tokenizer's class; before, it did as it was told.
        if (!template_seen && (config_.add_bos.value_or(false) || config_.add_eos.value_or(false)))
            parts_.notes.push_back(
                name_ + ": tokenizer_config.json asks for special tokens around a text (add_bos_token or "
                        "add_eos_token), but tokenizer.json has no template (\"post_processor\") that puts them there; "
                        "none are put, as in transformers 5; transformers 4 put them. Add a TemplateProcessing to "
                        "tokenizer.json to have them");
    }

    enum class Prefix : std::uint8_t { not_said, none, space };

    /// What the steps put before a text, as far as one of them decides that.
    static Prefix prefix_of(const json& step) {
        if (!step.is_object()) return Prefix::not_said;
        const auto said = [](bool puts) { return puts ? Prefix::space : Prefix::none; };
        const json type = step.value("type", json());
        const bool by_flag = step.value("add_prefix_space", json(true)) == true;
        if (type == "ByteLevel") return said(by_flag);
        if (type == "Metaspace")
            return said(step.value("prepend_scheme", json(by_flag ? "always" : "never")) != "never");
        Prefix all = Prefix::not_said;
        if (const auto steps = step.find("pretokenizers"); steps != step.end() && steps->is_array())
            for (const json& child : *steps) all = std::max(all, prefix_of(child));
        return all;
    }

    void note_another_prefix() {
        const json* steps = component("pre_tokenizer");
        if (steps == nullptr || !config_.add_prefix_space) return;
        const Prefix puts = prefix_of(*steps);
        // The class that goes by tokenizer.json alone, in both of its names.
        const bool of_file = config_.tokenizer_class.empty() || config_.tokenizer_class == "PreTrainedTokenizerFast" ||
                             config_.tokenizer_class == "TokenizersBackend";
        const bool agrees = *config_.add_prefix_space == (puts == Prefix::space);
        if (puts == Prefix::not_said || of_file || agrees) return;
        parts_.notes.push_back(
            name_ + (puts == Prefix::space ? ": a space is put before a text" : ": no space is put before a text") +
            ", though tokenizer_config.json says otherwise (add_prefix_space); transformers 5 goes by "
            "that field for " +
            config_.tokenizer_class +
            ". Set add_prefix_space (of a Metaspace: prepend_scheme) in the pre_tokenizer of "
            "tokenizer.json for the same tokens here");
    }

    const JsonDocument owner_;
    const json& document_ = owner_.value();
    const std::string name_;
    const TokenizerConfig& config_;
    TokenizerParts parts_;
    std::size_t vocabulary_entries_ = 0;
    bool byte_fallback_ = false;
};

} // namespace

std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view text, const std::string& name,
                                                      const TokenizerConfig& config) {
    return make_pipeline_tokenizer(Reader(parse_json(text, name, {max_file_bytes}), name, config).read());
}

std::shared_ptr<const Tokenizer> open_tokenizer_json(const std::filesystem::path& file) {
    return parse_tokenizer_json(read_text_file(file, max_file_bytes), file.string(),
                                read_tokenizer_config(file.parent_path()));
}

} // namespace graticule
