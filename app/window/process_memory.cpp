#include "app/window/process_memory.h"

#include <fstream>
#include <string>

namespace graticule {

std::optional<ProcessMemory> process_memory() {
    std::ifstream status("/proc/self/status");
    ProcessMemory memory;
    for (std::string line; std::getline(status, line);) {
        const auto kilobytes = [&](const char* field) -> std::int64_t { // "VmRSS:     123456 kB"
            return line.starts_with(field) ? std::stoll(line.substr(std::char_traits<char>::length(field))) : 0;
        };
        if (const std::int64_t now = kilobytes("VmRSS:")) memory.now = now * 1024;
        if (const std::int64_t peak = kilobytes("VmHWM:")) memory.peak = peak * 1024;
    }
    return memory.now > 0 ? std::optional(memory) : std::nullopt;
}

} // namespace graticule
