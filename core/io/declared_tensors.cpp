#include "core/io/declared_tensors.h"

#include "core/base/error.h"

namespace graticule {

void DeclaredTensors::add(const std::string& name, std::uint64_t begin, std::uint64_t bytes) {
    GRATICULE_ASSERT(places_.emplace(name, Place{begin, bytes, 0}).second, "two tensors of one name in a file");
}

const DeclaredTensors::Place& DeclaredTensors::at(const std::string& name) const {
    const auto found = places_.find(name);
    GRATICULE_ASSERT(found != places_.end(), "a tensor that was not declared to the writer");
    return found->second;
}

std::uint64_t DeclaredTensors::written(const std::string& name) const {
    const auto found = places_.find(name);
    return found == places_.end() ? 0 : found->second.written;
}

std::uint64_t DeclaredTensors::place_for(const std::string& name, std::uint64_t count) {
    return place_at(name, at(name).written, count);
}

std::uint64_t DeclaredTensors::place_at(const std::string& name, std::uint64_t offset, std::uint64_t count) {
    const Place& declared = at(name);
    GRATICULE_ASSERT(count <= declared.bytes - declared.written && offset <= declared.bytes - count,
                     "more bytes than the declared shape of the tensor takes");
    places_.at(name).written += count;
    return declared.begin + offset;
}

void DeclaredTensors::require_complete() const {
    for (const auto& [name, place] : places_)
        if (place.written != place.bytes)
            throw Error(ErrorKind::internal, "tensor \"" + name + "\": " + std::to_string(place.written) + " of " +
                                                 std::to_string(place.bytes) +
                                                 " bytes were written before the file was finished");
}

} // namespace graticule
