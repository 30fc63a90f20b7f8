// Token text to id and back, with look-ups that do not allocate.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/io/text/utf8.h"

namespace graticule {

class TokenTable {
public:
    explicit TokenTable(std::vector<std::string> tokens)
        : tokens_(std::move(tokens)) {
        ids_.reserve(tokens_.size());
        for (std::size_t id = 0; id < tokens_.size(); ++id)
            if (!tokens_[id].empty())
                ids_.emplace(tokens_[id], static_cast<std::int32_t>(id)); // the views point into tokens_
        for (unsigned byte = 0; byte < 256; ++byte) {
            std::array<char, 8> name{};
            std::snprintf(name.data(), name.size(), "<0x%02X>", byte);
            byte_ids_[byte] = find(name.data()).value_or(-1);
        }
    }
    TokenTable(const TokenTable&) = delete; // ids_ refers to tokens_
    TokenTable& operator=(const TokenTable&) = delete;

    [[nodiscard]] const std::vector<std::string>& tokens() const { return tokens_; }
    [[nodiscard]] std::optional<std::int32_t> find(std::string_view token) const {
        const auto found = ids_.find(token);
        if (found == ids_.end()) return std::nullopt;
        return found->second;
    }
    [[nodiscard]] std::int32_t byte_id(char byte) const {
        return byte_ids_[static_cast<unsigned char>(byte)];
    } ///< -1: none

    /// See SubwordModel::words_are_independent().
    [[nodiscard]] bool words_are_independent() const {
        constexpr std::string_view mark = "\xE2\x96\x81"; // "▁"
        for (const std::string& token : tokens_)
            for (std::size_t at = token.find(mark); at != std::string::npos; at = token.find(mark, at + mark.size()))
                if (at > 0 && !std::string_view(token).substr(0, at).ends_with(mark)) return false;
        return true;
    }

private:
    std::vector<std::string> tokens_;
    std::unordered_map<std::string_view, std::int32_t> ids_;
    std::array<std::int32_t, 256> byte_ids_{};
};

} // namespace graticule
