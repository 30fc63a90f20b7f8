#include "core/base/error_word.h"

#include <algorithm>
#include <array>
#include <utility>

namespace graticule {

namespace {
using Row = std::pair<ErrorKind, std::string_view>;
constexpr std::array rows{Row{ErrorKind::internal, "internal"},           Row{ErrorKind::usage, "usage"},
                          Row{ErrorKind::bad_input, "bad_input"},         Row{ErrorKind::unsupported, "unsupported"},
                          Row{ErrorKind::out_of_memory, "out_of_memory"}, Row{ErrorKind::device, "device"}};
} // namespace

std::string_view error_word(ErrorKind kind) { return std::ranges::find(rows, kind, &Row::first)->second; }

ErrorKind error_kind_called(std::string_view word) {
    const auto row = std::ranges::find(rows, word, &Row::second);
    return row == rows.end() ? ErrorKind::internal : row->first;
}

} // namespace graticule
