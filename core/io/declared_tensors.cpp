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

std::uint64_t DeclaredTensors::place_for(const std::string& name, std::uint64_t count) {
    GRATICULE_ASSERT(count <= at(name).bytes - at(name).written,
                     "more bytes than the declared shape of the tensor takes");
    Place& place = places_.at(name);
    const std::uint64_t begin = place.begin + place.written;
    place.written += count;
    return begin;
}

void DeclaredTensors::require_complete() const {
    for (const auto& [name, place] : places_)
        if (place.written != place.bytes)
            throw Error(ErrorKind::internal, "tensor \"" + name + "\": " + std::to_string(place.written) + " of " +
                                                 std::to_string(place.bytes) +
                                                 " bytes were written before the file was finished");
}

} // namespace graticule
