#include "core/base/device_name.h"

#include <charconv>

#include "core/base/error.h"

namespace graticule {

std::optional<int> cuda_index(const std::string& name) {
    if (name == "cuda") return 0;
    if (!name.starts_with("cuda:")) return std::nullopt;
    int index = -1;
    const char* end = name.data() + name.size();
    const auto [stop, code] = std::from_chars(name.data() + 5, end, index);
    if (code != std::errc() || stop != end || index < 0) return std::nullopt;
    return index;
}

void check_device_name(const std::string& name) {
    if (name != "cpu" && !cuda_index(name))
        throw Error(ErrorKind::usage, "\"" + name + "\" is no device; use cpu, cuda or cuda:N");
}

} // namespace graticule
