#include "core/io/text/utf8.h"

#include <cstdint>
#include <cstring>

#include "core/base/error.h"

namespace graticule {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

/// How many bytes from `at` start a well-formed code point: its whole length, or fewer if it breaks off. `whole` says
/// which.
std::size_t well_formed_prefix(std::string_view text, std::size_t at, bool& whole) {
    const unsigned lead = byte_at(text, at);
    whole = true;
    if (lead < 0x80) return 1;
    std::size_t length = 0;
    unsigned low = 0x80, high = 0xBF; // range of the second byte: where overlong forms and surrogates are caught
    if (lead >= 0xC2 && lead <= 0xDF) length = 2;
    if (lead >= 0xE0 && lead <= 0xEF) length = 3;
    if (lead >= 0xF0 && lead <= 0xF4) length = 4;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
    std::size_t good = length == 0 ? 0 : 1;
    while (good > 0 && good < length && at + good < text.size()) {
        const unsigned next = byte_at(text, at + good);
        if (next < low || next > high) break;
        low = 0x80;
        high = 0xBF;
        ++good;
    }
    whole = length != 0 && good == length;
    return good;
}

} // namespace

std::size_t utf8_length(std::string_view text, std::size_t at) {
    bool whole = false;
    const std::size_t length = well_formed_prefix(text, at, whole);
    return whole ? length : 0;
}

char32_t utf8_code_point(std::string_view text, std::size_t at) {
    const unsigned lead = byte_at(text, at);
    if (lead < 0x80) return lead;
    const auto tail = [&](std::size_t i) { return byte_at(text, at + i) & 0x3Fu; };
    if (lead < 0xE0) return (lead & 0x1Fu) << 6 | tail(1);
    if (lead < 0xF0) return (lead & 0x0Fu) << 12 | tail(1) << 6 | tail(2);
    return (lead & 0x07u) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
}

void append_utf8(std::string& text, char32_t code_point) {
    const auto put = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code_point < 0x80) return put(code_point);
    if (code_point < 0x800) {
        put(0xC0 | code_point >> 6);
    } else if (code_point < 0x10000) {
        put(0xE0 | code_point >> 12);
        put(0x80 | (code_point >> 6 & 0x3F));
    } else {
        put(0xF0 | code_point >> 18);
        put(0x80 | (code_point >> 12 & 0x3F));
        put(0x80 | (code_point >> 6 & 0x3F));
    }
    put(0x80 | (code_point & 0x3F));
}

std::optional<std::size_t> first_invalid_utf8(std::string_view text) {
    constexpr std::uint64_t high_bits = 0x8080808080808080u;
    for (std::size_t at = 0; at < text.size();) {
        if (at + 8 <= text.size()) { // most text is ASCII: eight bytes at a time
            std::uint64_t word;
            std::memcpy(&word, text.data() + at, sizeof word);
            if ((word & high_bits) == 0) {
                at += 8;
                continue;
            }
        }
        const std::size_t length = utf8_length(text, at);
        if (length == 0) return at;
        at += length;
    }
    return std::nullopt;
}

void require_utf8(std::string_view text, const std::string& what) {
    const auto bad = first_invalid_utf8(text);
    if (!bad) return;
    static constexpr char digits[] = "0123456789ABCDEF";
    const unsigned value = byte_at(text, *bad);
    throw Error(ErrorKind::bad_input, what + " is not UTF-8: byte 0x" + digits[value >> 4] + digits[value & 15] +
                                          " at offset " + std::to_string(*bad) + "; convert it to UTF-8");
}

std::string replace_invalid_utf8(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        bool whole = false;
        const std::size_t good = well_formed_prefix(text, at, whole);
        if (whole)
            result.append(text.substr(at, good));
        else
            result += "\xEF\xBF\xBD";
        at += good == 0 ? 1 : good;
    }
    return result;
}

} // namespace graticule
