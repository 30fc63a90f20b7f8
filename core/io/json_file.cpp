#include "core/io/json_file.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/io/mapped_file.h"

namespace graticule {
namespace {

using nlohmann::json;

/// Empties a value from the inside out; as deep as the limits of reading allow.
void free_in_place(json& value) noexcept {
    if (value.is_array()) {
        for (json& item : value) free_in_place(item);
        value.get_ref<json::array_t&>().clear();
    } else if (value.is_object()) {
        for (auto& [key, item] : value.get_ref<json::object_t&>()) free_in_place(item);
        value.get_ref<json::object_t&>().clear();
    }
}

/// Builds the value as nlohmann's own parser does, but counts the depth and refuses a key that comes twice: readers
/// that differ on which of the two wins would disagree about what a file says.
class StrictBuilder final : public nlohmann::json_sax<json> {
public:
    StrictBuilder(const std::string& name, int max_depth)
        : name_(name)
        , max_depth_(max_depth) {}
    ~StrictBuilder() override { free_in_place(root_); }
    StrictBuilder(const StrictBuilder&) = delete;
    StrictBuilder& operator=(const StrictBuilder&) = delete;

    json take() { return std::move(root_); }

    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(number_integer_t value) override { return put(value); }
    bool number_unsigned(number_unsigned_t value) override { return put(value); }
    bool number_float(number_float_t value, const string_t&) override { return put(value); }
    bool string(string_t& value) override { return put(std::move(value)); }
    bool binary(binary_t&) override { return false; } // no such thing in JSON text

    bool start_object(std::size_t) override { return open(json::object()); }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(json::array()); }
    bool end_array() override { return close(); }

    bool key(string_t& value) override {
        auto [place, fresh] = stack_.back()->get_ref<json::object_t&>().try_emplace(value);
        if (!fresh) throw Error(ErrorKind::bad_input, name_ + ": the key \"" + value + "\" occurs twice in one object");
        slot_ = &place->second;
        return true;
    }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
        fail_json(name_, position, error.what());
    }

private:
    json* place(json&& value) {
        if (++placed_ % 4096 == 0) cancel_point();
        if (stack_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        if (stack_.back()->is_array()) {
            stack_.back()->push_back(std::move(value));
            return &stack_.back()->back();
        }
        *slot_ = std::move(value);
        return slot_;
    }

    bool put(json&& value) {
        place(std::move(value));
        return true;
    }

    bool open(json&& value) {
        if (static_cast<int>(stack_.size()) >= max_depth_)
            throw Error(ErrorKind::bad_input,
                        name_ + ": nested deeper than the " + std::to_string(max_depth_) + " levels that are read");
        stack_.push_back(place(std::move(value)));
        return true;
    }

    bool close() {
        stack_.pop_back();
        return true;
    }

    const std::string& name_;
    const int max_depth_;
    json root_;
    std::vector<json*> stack_; // open objects and arrays; an outer one does not move while an inner one grows
    std::size_t placed_ = 0;
    json* slot_ = nullptr; // where the value of the key just read goes
};

} // namespace

JsonDocument::JsonDocument(json&& value)
    : value_(std::make_unique<json>(std::move(value))) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() {
    if (value_) free_in_place(*value_);
}

void check_json_text(std::string_view text, const std::string& name, const JsonLimits& limits) {
    if (text.size() > limits.bytes)
        throw Error(ErrorKind::bad_input, name + " has " + std::to_string(text.size()) + " bytes of JSON; at most " +
                                              std::to_string(limits.bytes) + " are read");
    if (text.starts_with("\xEF\xBB\xBF"))
        throw Error(ErrorKind::bad_input,
                    name + " starts with a byte order mark, which JSON does not allow; remove it");
    if (const auto at = text.find('\0'); at != std::string_view::npos)
        throw Error(ErrorKind::bad_input, name + " is not valid JSON: a zero byte at offset " + std::to_string(at));
}

void fail_json(const std::string& name, std::size_t position, const std::string& what) {
    std::string reason = what; // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    if (const auto end = reason.find("] "); end != std::string::npos) reason.erase(0, end + 2);
    throw Error(ErrorKind::bad_input, name + " is not valid JSON (byte " + std::to_string(position) + "): " + reason);
}

json parse_json(std::string_view text, const std::string& name, const JsonLimits& limits) {
    check_json_text(text, name, limits);
    StrictBuilder builder(name, limits.depth);
    json::sax_parse(text, &builder);
    return builder.take();
}

json read_json_file(const std::filesystem::path& path, const JsonLimits& limits) {
    return parse_json(read_text_file(path, limits.bytes), path.string(), limits);
}

std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes) {
    const auto file = MappedFile::open(path);
    const auto bytes = file->bytes();
    if (bytes.size() > max_bytes)
        throw Error(ErrorKind::bad_input, path.string() + " has " + std::to_string(bytes.size()) + " bytes; at most " +
                                              std::to_string(max_bytes) + " are read");
    std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    file->verify();
    return text;
}

} // namespace graticule
