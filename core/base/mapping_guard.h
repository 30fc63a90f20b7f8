// A file that shrinks while it is mapped into memory must not end the program. Touching a page that lost its file is
// SIGBUS; the handler here puts a page of zeros there and notes the mapping, so that whatever was reading goes on (on
// any thread, in any library) until the next check throws and the result is thrown away.
//
//     const MappingGuard guard(address, bytes, descriptor, path);   // for as long as it is mapped
//     check_mappings();                                             // at every cancel point: a flag
//     verify_mappings();                                            // before a result is given or kept: sizes too
#pragma once

#include <cstddef>
#include <string>

namespace graticule {

class MappingGuard {
public:
    /// `descriptor` must stay open as long as the guard lives: it is asked for the file's size.
    MappingGuard(const void* begin, std::size_t bytes, int descriptor, std::string path);
    ~MappingGuard();
    MappingGuard(const MappingGuard&) = delete;
    MappingGuard& operator=(const MappingGuard&) = delete;

    /// Throws Error{bad_input} naming the file if it has lost bytes since it was mapped.
    void verify() const;

    struct Mapping;

private:
    Mapping* mapping_;
};

/// Throws Error{bad_input} naming the file if a fault was caught in one that is mapped now. Costs nothing otherwise.
void check_mappings();
/// The same, and asks the system for the size of every mapped file: one that lost less than a page faults nowhere.
void verify_mappings();

} // namespace graticule
