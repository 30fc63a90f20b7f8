#include "tests/fuzz/structured/gguf_document.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace graticule::fuzz {
namespace {

template <class T>
std::string raw(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

std::string counted(const std::string& text) { return raw(std::uint64_t{text.size()}) + text; }

constexpr std::int32_t u32_type = 4, i32_type = 5, f32_type = 6, text_type = 8, array_type = 9;

template <class T>
void shuffle_one(std::vector<T>& list, Decisions& decide) {
    if (list.empty()) return;
    const std::size_t at = decide.below(list.size());
    switch (decide.below(3)) {
    case 0:
        return static_cast<void>(list.erase(list.begin() + static_cast<std::ptrdiff_t>(at)));
    case 1:
        return static_cast<void>(
            list.insert(list.begin() + static_cast<std::ptrdiff_t>(decide.below(list.size())), T(list[at])));
    default:
        return std::swap(list[at], list[decide.below(list.size())]);
    }
}

void change_bytes(std::string& bytes, Decisions& decide) {
    if (bytes.empty() || decide.one_in(8))
        bytes.append(1 + decide.below(8), static_cast<char>(decide.below(256)));
    else if (decide.one_in(8))
        bytes.resize(decide.below(bytes.size()));
    else
        bytes[decide.below(bytes.size())] = static_cast<char>(decide.below(256));
}

void change_entry(GgufDocument::Entry& entry, Decisions& decide) {
    switch (decide.below(6)) {
    case 0:
        entry.key += decide.text();
        return;
    case 1:
        entry.type = static_cast<std::int32_t>(decide.below(16)) - 1;
        return;
    case 2:
        entry.count = static_cast<std::uint64_t>(decide.integer());
        return;
    case 3:
        return shuffle_one(entry.items, decide);
    case 4:
        if (!entry.items.empty())
            entry.items[decide.below(entry.items.size())] = raw(static_cast<std::uint32_t>(decide.integer()));
        return;
    default:
        if (!entry.items.empty()) change_bytes(entry.items[decide.below(entry.items.size())], decide);
    }
}

void change_tensor(GgufDocument::Tensor& tensor, Decisions& decide) {
    switch (decide.below(7)) {
    case 0:
        tensor.name += decide.text();
        return;
    case 1:
        tensor.type = static_cast<std::int32_t>(decide.below(42));
        return;
    case 2:
        if (!tensor.extents.empty())
            tensor.extents[decide.below(tensor.extents.size())] = static_cast<std::uint64_t>(decide.integer());
        return;
    case 3:
        return shuffle_one(tensor.extents, decide);
    case 4:
        tensor.offset = static_cast<std::uint64_t>(decide.integer());
        return;
    default:
        if (!tensor.bytes.empty())
            tensor.bytes[decide.below(tensor.bytes.size())] = static_cast<char>(decide.below(256));
    }
}

} // namespace

std::string GgufDocument::bytes() const {
    std::string head =
        "GGUF" + raw(version) + raw(tensor_count.value_or(tensors.size())) + raw(entry_count.value_or(entries.size()));
    for (const Entry& entry : entries) {
        head += counted(entry.key) + raw(entry.type);
        if (entry.type == array_type) head += raw(entry.item_type) + raw(entry.count.value_or(entry.items.size()));
        for (const std::string& item : entry.items) head += item;
    }
    std::string data;
    for (const Tensor& tensor : tensors) {
        head += counted(tensor.name) + raw(static_cast<std::uint32_t>(tensor.extents.size()));
        for (const std::uint64_t extent : tensor.extents) head += raw(extent);
        head += raw(tensor.type) + raw(tensor.offset.value_or(data.size()));
        data += tensor.bytes;
        data.resize((data.size() + 31) / 32 * 32);
    }
    head.resize((head.size() + 31) / 32 * 32);
    return head + data;
}

void GgufDocument::mutate_mildly(Decisions& decide) {
    if (entries.empty() || tensors.empty()) return;
    switch (decide.below(4)) {
    case 0:
        return std::swap(entries[decide.below(entries.size())], entries[decide.below(entries.size())]);
    case 1:
        return std::swap(tensors[decide.below(tensors.size())], tensors[decide.below(tensors.size())]);
    case 2: { // a letter of a token or of a merge
        const auto has_texts = [](const Entry& entry) { return entry.item_type == text_type && !entry.items.empty(); };
        const auto first = entries.begin() + static_cast<std::ptrdiff_t>(decide.below(entries.size()));
        auto entry = std::find_if(first, entries.end(), has_texts);
        if (entry == entries.end()) entry = std::find_if(entries.begin(), first, has_texts);
        if (entry == first && !has_texts(*entry)) return;
        std::string& text = entry->items[decide.below(entry->items.size())];
        constexpr std::size_t length_bytes = 8;
        if (text.size() > length_bytes)
            text[length_bytes + decide.below(text.size() - length_bytes)] = static_cast<char>('a' + decide.below(26));
        return;
    }
    default:
        Tensor& tensor = tensors[decide.below(tensors.size())];
        if (!tensor.bytes.empty())
            tensor.bytes[decide.below(tensor.bytes.size())] = static_cast<char>(decide.below(256));
    }
}

void GgufDocument::mutate(Decisions& decide) {
    if (decide.mildly()) return mutate_mildly(decide);
    switch (decide.below(12)) {
    case 0:
        return shuffle_one(entries, decide);
    case 1:
        return shuffle_one(tensors, decide);
    case 2:
        tensor_count = static_cast<std::uint64_t>(decide.integer());
        return;
    case 3:
        entry_count = static_cast<std::uint64_t>(decide.integer());
        return;
    case 4:
        version = static_cast<std::uint32_t>(decide.below(6));
        return;
    case 5:
    case 6:
    case 7:
    case 8:
        if (!entries.empty()) change_entry(entries[decide.below(entries.size())], decide);
        return;
    default:
        if (!tensors.empty()) change_tensor(tensors[decide.below(tensors.size())], decide);
    }
}

void GgufDocument::number(const std::string& key, std::uint32_t value) {
    entries.push_back({key, u32_type, 0, {raw(value)}, {}});
}
void GgufDocument::real(const std::string& key, float value) {
    entries.push_back({key, f32_type, 0, {raw(value)}, {}});
}
void GgufDocument::text(const std::string& key, const std::string& value) {
    entries.push_back({key, text_type, 0, {counted(value)}, {}});
}
void GgufDocument::texts(const std::string& key, const std::vector<std::string>& values) {
    Entry entry{key, array_type, text_type, {}, {}};
    for (const std::string& value : values) entry.items.push_back(counted(value));
    entries.push_back(std::move(entry));
}
void GgufDocument::numbers(const std::string& key, const std::vector<std::int32_t>& values) {
    Entry entry{key, array_type, i32_type, {}, {}};
    for (const std::int32_t value : values) entry.items.push_back(raw(value));
    entries.push_back(std::move(entry));
}
void GgufDocument::floats(const std::string& name, std::vector<std::uint64_t> extents) {
    std::uint64_t count = 1;
    for (const std::uint64_t extent : extents) count *= extent;
    std::string bytes;
    for (std::uint64_t i = 0; i < count; ++i) bytes += raw(static_cast<float>(i % 7) * 0.25F - 0.5F);
    tensors.push_back({name, std::move(extents), 0, std::move(bytes), {}});
}

GgufDocument tiny_gguf(const std::string& architecture) {
    GgufDocument file;
    const std::string at = architecture + ".";
    file.text("general.architecture", architecture);
    file.number(at + "embedding_length", 8);
    file.number(at + "block_count", 2);
    file.number(at + "attention.head_count", 2);
    file.number(at + "attention.head_count_kv", 1);
    file.number(at + "feed_forward_length", 16);
    file.number(at + "context_length", 32);
    file.real(at + "attention.layer_norm_rms_epsilon", 1e-6F);
    file.real(at + "rope.freq_base", 10000);
    std::vector<std::string> tokens{"<unk>", "<s>"};
    for (char c = 'a'; c <= 'z'; ++c) tokens.emplace_back(1, c);
    for (const char* token : {"\xC4\xA0", "he", "ll", "llo", "hello"}) tokens.emplace_back(token);
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", "llama-bpe");
    file.texts("tokenizer.ggml.tokens", tokens);
    std::vector<std::int32_t> kinds(tokens.size(), 1);
    kinds[0] = kinds[1] = 3;
    file.numbers("tokenizer.ggml.token_type", kinds);
    file.texts("tokenizer.ggml.merges", {"h e", "l l", "ll o", "he llo"});
    file.number("tokenizer.ggml.bos_token_id", 1);
    file.number("tokenizer.ggml.eos_token_id", 1);
    const std::uint64_t vocabulary = tokens.size();
    file.floats("token_embd.weight", {8, vocabulary});
    file.floats("output_norm.weight", {8});
    for (int block = 0; block < 2; ++block) {
        const std::string name = "blk." + std::to_string(block) + ".";
        file.floats(name + "attn_norm.weight", {8});
        file.floats(name + "attn_q.weight", {8, 8});
        file.floats(name + "attn_k.weight", {8, 4});
        file.floats(name + "attn_v.weight", {8, 4});
        file.floats(name + "attn_output.weight", {8, 8});
        file.floats(name + "ffn_norm.weight", {8});
        file.floats(name + "ffn_gate.weight", {8, 16});
        file.floats(name + "ffn_up.weight", {8, 16});
        file.floats(name + "ffn_down.weight", {16, 8});
    }
    return file;
}

} // namespace graticule::fuzz
