#include "core/io/corpus.h"

#include <nlohmann/json.hpp>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/io/json_file.h"
#include "core/io/mapped_file.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

using nlohmann::json;

/// Calls `use(line, has_newline)` for each line; "\n" ends a line, a carriage return before it belongs to the line.
template <class Use>
void for_each_line(std::string_view text, Use use) {
    while (!text.empty()) {
        const auto newline = text.find('\n');
        const bool ended = newline != std::string_view::npos;
        use(text.substr(0, newline), ended);
        text.remove_prefix(ended ? newline + 1 : text.size());
    }
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\v\f") == std::string_view::npos; }

/// The rows of the WikiText data set joined as the papers' programs join them: a blank line is an empty row, any other
/// row keeps its newline, two newlines go between rows.
std::string join_as_gptq(std::string_view text) {
    std::string joined;
    joined.reserve(text.size() * 2);
    bool first = true;
    for_each_line(text, [&](std::string_view line, bool ended) {
        if (!first) joined += "\n\n";
        first = false;
        if (is_blank(line)) return;
        // A copy with the line ends of Windows is the same text: the data set's reader opens it in text mode.
        if (ended && line.ends_with('\r')) line.remove_suffix(1);
        joined += line;
        if (ended) joined += '\n';
    });
    return joined;
}

std::string join_documents(std::string_view text, const std::string& name) {
    std::string joined;
    std::size_t number = 0;
    for_each_line(text, [&](std::string_view line, bool) {
        ++number;
        cancel_point();
        if (is_blank(line)) return;
        const std::string where = name + ", line " + std::to_string(number);
        const json document = parse_json(line, where);
        const auto found = document.find("text");
        if (!document.is_object() || found == document.end() || !found->is_string())
            throw Error(ErrorKind::bad_input, where + " is not an object with a \"text\" string");
        if (!joined.empty()) joined += "\n\n";
        joined += found->get_ref<const std::string&>();
    });
    return joined;
}

} // namespace

TextRule parse_text_rule(std::string_view name) {
    if (name == "auto") return TextRule::automatic;
    if (name == "gptq") return TextRule::gptq;
    if (name == "raw") return TextRule::raw;
    throw Error(ErrorKind::usage, "unknown text rule \"" + std::string(name) + "\"; there are auto, gptq and raw");
}

Corpus make_corpus(std::string name, std::string_view bytes, TextRule rule) {
    require_utf8(bytes, name);
    Corpus corpus;
    if (rule == TextRule::automatic) rule = name.ends_with(".raw") ? TextRule::gptq : TextRule::raw;
    if (name.ends_with(".jsonl")) {
        if (rule == TextRule::gptq)
            throw Error(ErrorKind::usage,
                        name + ": the rule gptq is for WikiText style files with a paragraph a line; use auto or raw");
        corpus.text = join_documents(bytes, name);
        corpus.rule = "jsonl";
    } else if (rule == TextRule::gptq) {
        corpus.text = join_as_gptq(bytes);
        corpus.rule = "gptq";
    } else {
        corpus.text = bytes;
        corpus.rule = "raw";
    }
    if (corpus.text.empty()) throw Error(ErrorKind::bad_input, name + " holds no text");
    corpus.name = std::move(name);
    return corpus;
}

Corpus load_corpus(const std::filesystem::path& path, TextRule rule) {
    try {
        const auto file = MappedFile::open(path);
        const auto bytes = file->bytes();
        Corpus corpus =
            make_corpus(path.filename().string(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, rule);
        file->verify();
        return corpus;
    } catch (Error& error) {
        error.add_context("reading the text " + path.string());
        throw;
    }
}

std::vector<std::span<const std::int32_t>> cut_windows(std::span<const std::int32_t> ids, std::int64_t length) {
    GRATICULE_ASSERT(length > 0, "windows without tokens");
    const auto size = static_cast<std::size_t>(length);
    std::vector<std::span<const std::int32_t>> windows;
    for (std::size_t at = 0; at + size <= ids.size(); at += size) windows.push_back(ids.subspan(at, size));
    return windows;
}

} // namespace graticule
